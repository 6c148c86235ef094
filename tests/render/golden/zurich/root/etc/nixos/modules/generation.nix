# Estate: the digest of the other files, kept in the generation that is made of them. So a node shows which
# configuration the running one is: /run/current-system/etc/estate/configuration.
{
  environment.etc."estate/configuration".text = "47302c76b3a14b6510cfa41f52c5b225d4910488f54cdcd039ebbde4591785ff\n";
}
