# The essentials of a configuration, for a check that builds nothing.
{ lib, config, specialisations, ... }:
let
  inherit (config) networking services systemd;
  ports = where: { inherit (where) allowedTCPPorts allowedUDPPorts; };
  etc = lib.filterAttrs (name: _: !lib.hasPrefix "systemd/system/" name) config.environment.etc;
in
{
  inherit (networking) hostName;
  inherit (config.system) stateVersion;
  inherit specialisations;
  warnings = config.warnings;
  firewall = ports networking.firewall // {
    inherit (networking.firewall) enable allowPing checkReversePath extraForwardRules extraInputRules filterForward;
    nftables = networking.nftables.enable;
    interfaces = lib.mapAttrs (_: ports) networking.firewall.interfaces;
    ruleset = config.system.build.ruleset or "";
  };
  ssh = { inherit (services.openssh) authorizedKeysInHomedir enable openFirewall ports settings; };
  wireguard = networking.wireguard.interfaces;
  units = lib.concatMapAttrs
    (name: entry: lib.optionalAttrs (builtins.match "[^/]*" (lib.removePrefix "systemd/system/" name) != null) {
      ${lib.removePrefix "systemd/system/" name} = entry.text;
    })
    (lib.filterAttrs (name: _: lib.hasPrefix "systemd/system/" name) config.environment.etc);
  services = lib.mapAttrs
    (_: s: { inherit (s) after description environment requires restartIfChanged serviceConfig wantedBy wants; startAt = s.startAt; })
    systemd.services;
  timers = lib.mapAttrs (_: t: { inherit (t) timerConfig wantedBy; }) systemd.timers;
  tmpfiles = systemd.tmpfiles.rules;
  etc = lib.mapAttrs
    (_: e: {
      inherit (e) group mode user;
      sha256 = if e.text == null then null
        else builtins.hashString "sha256" (builtins.unsafeDiscardStringContext e.text);
    })
    etc;
  users = lib.mapAttrs
    (name: u: {
      inherit (u) createHome extraGroups group home isNormalUser isSystemUser shell uid;
      authorizedKeys = u.openssh.authorizedKeys.keys;
    })
    config.users.users;
  groups = config.system.build.groups;
  sudo = { inherit (config.security.sudo) enable execWheelOnly wheelNeedsPassword; };
  sysctl = config.boot.kernel.sysctl;
  packages = lib.unique (map (package: package.name) config.environment.systemPackages);
  nix = { inherit (config.nix) gc settings; };
  fileSystems = config.fileSystems;
  swapDevices = config.swapDevices;
  zramSwap = config.zramSwap;
  boot = { inherit (config.boot.loader) grub; initrdSystemd = config.boot.initrd.systemd.enable; };
  kuma = services.uptime-kuma;
}
