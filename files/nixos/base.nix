# What every node is, whatever its role: accounts, kernel settings, time, journal, store.
{ lib, pkgs, ... }:
let
  estate = import ../estate.nix;
in
{
  time.timeZone = "UTC";
  # One locale that needs no archive of its own.
  i18n.defaultLocale = "C.UTF-8";
  documentation.enable = false;

  boot.kernel.sysctl = estate.sysctl;
  boot.tmp.cleanOnBoot = true;

  services.timesyncd = {
    enable = true;
  }
  // lib.optionalAttrs (estate.timeServers != [ ]) { servers = estate.timeServers; };
  services.journald.extraConfig = ''
    SystemMaxUse=${estate.journal}
    MaxRetentionSec=1month
  '';

  # Passwords and accounts are what this says and nothing else.
  users.mutableUsers = false;
  users.users =
    lib.genAttrs estate.admins (_: {
      isNormalUser = true;
      extraGroups = [ "wheel" ];
      openssh.authorizedKeys.keys = estate.adminKeys;
    })
    // {
      # For the provider's console only: sshd does not let root in. An operator puts the file there; without it root
      # has no password.
      root.hashedPasswordFile = "/etc/estate/root.hash";
    };
  security.sudo = {
    enable = true;
    execWheelOnly = true;
    wheelNeedsPassword = false;
  };

  # What is called on a node by name, beside what every NixOS has. Some of these its modules would add as well; whether
  # they do is for each of them to change.
  environment.systemPackages = [
    pkgs.curl
    pkgs.iproute2
    pkgs.iputils
    pkgs.nftables
    pkgs.sqlite
    pkgs.wireguard-tools
  ];

  nix.settings = {
    allowed-users = [ "root" ];
    # The disk holds two or three generations: what is the same is stored once, and a full disk is not waited for.
    auto-optimise-store = true;
    # `nix copy`, which a node pulls its generation with.
    experimental-features = [ "nix-command" ];
    keep-outputs = false;
    max-free = 1024 * 1024 * 1024;
    min-free = 512 * 1024 * 1024;
    # Beside cache.nixos.org's, which NixOS adds itself.
    trusted-public-keys = estate.cacheKeys;
  };
  # The release that a generation is built from; `channel:` follows its security updates.
  nix.nixPath = [
    "nixpkgs=${estate.nixpkgs}"
    "nixos-config=/etc/nixos/configuration.nix"
  ];
}
