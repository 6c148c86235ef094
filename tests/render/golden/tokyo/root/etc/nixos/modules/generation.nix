# Estate: the digest of the other files, kept in the generation that is made of them. So a node shows which
# configuration the running one is: /run/current-system/etc/estate/configuration.
{
  environment.etc."estate/configuration".text = "d463832bf020efe1a5a3a86973fc90e343173d248d66b98e865f37a161108ef1\n";
}
