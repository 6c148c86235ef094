# Estate: the digest of the other files, kept in the generation that is made of them. So a node shows which
# configuration the running one is: /run/current-system/etc/estate/configuration.
{
  environment.etc."estate/configuration".text = "114ee538cad6357f6624b16acbce79054a678a8f66650c52adf4066a263d00fb\n";
}
