# Estate: the digest of the other files, kept in the generation that is made of them. So a node shows which
# configuration the running one is: /run/current-system/etc/estate/configuration.
{
  environment.etc."estate/configuration".text = "0e05095f3748945b3f9eaea0a13407eb4e88ffd4d0ba555cd14e737ad31851ee\n";
}
