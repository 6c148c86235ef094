# Only for the system that takes over a Debian (nixos-infect); the first deploy over the mesh replaces it.
{ lib, ... }:
let
  estate = import ../estate.nix;
in
{
  assertions = [
    {
      assertion = builtins.compareVersions estate.release "26.11" < 0;
      message = "NixOS ${estate.release} cannot take over a Debian: build an image";
    }
  ];

  # The initrd of systemd does not know NIXOS_LUSTRATE, with which nixos-infect moves Debian away: the machine would not
  # boot. NixOS 26.11 removes the other one.
  boot.initrd.systemd.enable = false;

  # The mesh is not there yet: the hub does not know this node's key, which is made at this boot.
  networking.firewall.allowedTCPPorts = [ 22 ];

  # A small machine has its own; every other one needs some for this boot too.
  swapDevices = lib.mkDefault [
    {
      device = "/swapfile";
      size = 1024;
    }
  ];
}
