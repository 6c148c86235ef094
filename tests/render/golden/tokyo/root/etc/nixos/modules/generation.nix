# Estate: the digest of the other files, kept in the generation that is made of them. So a node shows which
# configuration the running one is: /run/current-system/etc/estate/configuration.
{
  environment.etc."estate/configuration".text = "47cb6e52b235c41a068e574a481f96b80ba7975c05097fd1a5d4045617728c6d\n";
}
