# Estate: the digest of the other files, kept in the generation that is made of them. So a node shows which
# configuration the running one is: /run/current-system/etc/estate/configuration.
{
  environment.etc."estate/configuration".text = "155ee1755e6a0c6e24d76b243a74cce0b0bac41cc5b2944abfd612c15f8589b6\n";
}
