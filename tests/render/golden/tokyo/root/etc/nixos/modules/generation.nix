# Estate: the digest of the other files, kept in the generation that is made of them. So a node shows which
# configuration the running one is: /run/current-system/etc/estate/configuration.
{
  environment.etc."estate/configuration".text = "9c3c2b6aa34644879c48913ca9b2c406d4be10a5ef0e7bb3e9dfc1f77cadeb87\n";
}
