# Estate: the digest of the other files, kept in the generation that is made of them. So a node shows which
# configuration the running one is: /run/current-system/etc/estate/configuration.
{
  environment.etc."estate/configuration".text = "de748887cda9f1cb092d6fd3d04fc8343ce8d9342dd8ba4e22c6a42a2b8ebb12\n";
}
