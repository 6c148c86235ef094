# Estate: zurich, Zurich (hostkey zrh, hostkey-vps), the hub of a mesh
# of 16 nodes. Written by estate: change group_data/edge.py instead.
{ ... }:
{
  imports = [
    ./modules/base.nix
    ./modules/bridge.nix
    ./modules/clavitor.nix
    ./modules/depot.nix
    ./modules/firewall.nix
    ./modules/generation.nix
    ./modules/hardware.nix
    ./modules/kuma.nix
    ./modules/offsite.nix
    ./modules/ssh.nix
    ./modules/store.nix
    ./modules/vault.nix
    ./modules/wireguard-hub.nix
  ];

  networking.hostName = "zurich";

  # The release of the first installation: how state was laid out then. It does not change with an upgrade.
  system.stateVersion = "26.05";
}
