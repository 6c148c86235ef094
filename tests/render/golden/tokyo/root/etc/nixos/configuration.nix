# Estate: tokyo, Tokyo (vultr nrt, vc2-1c-1gb), the spoke of a mesh
# whose hub is zurich. Written by estate: change group_data/edge.py instead.
{ ... }:
{
  imports = [
    ./modules/base.nix
    ./modules/clavitor.nix
    ./modules/firewall.nix
    ./modules/generation.nix
    ./modules/hardware.nix
    ./modules/small.nix
    ./modules/ssh.nix
    ./modules/store.nix
    ./modules/vault.nix
    ./modules/wireguard-spoke.nix
  ];

  networking.hostName = "tokyo";

  # The release of the first installation: how state was laid out then. It does not change with an upgrade.
  system.stateVersion = "26.05";
}
