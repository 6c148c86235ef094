# The depot: what nodes fetch from the hub, signed generations and releases, as plain files on the mesh. It keeps no
# secret and can write nothing; the signing key lies beside it, for root only.
{ pkgs, ... }:
let
  estate = import ../estate.nix;
  hardening = import ./hardening.nix;
  listen = "${estate.address}:${toString estate.ports.depot}";
  caddy = "${pkgs.caddy}/bin/caddy";
in
{
  users.groups.depot = { };
  users.users.depot = {
    group = "depot";
    isSystemUser = true;
  };

  systemd.tmpfiles.rules = [
    "d /var/lib/estate/depot 0755 root root -"
    "d /var/lib/estate/depot/cache 0755 root root -"
    "d /var/lib/estate/depot/releases 0755 root root -"
  ];

  systemd.services.depot-key = {
    description = "Make the key that generations are signed with";
    wantedBy = [ "multi-user.target" ];
    after = [ "systemd-tmpfiles-setup.service" ];
    path = [
      pkgs.coreutils
      pkgs.nix
    ];
    environment = {
      # `nix key` asks for a home although it has nothing to put there.
      HOME = "/var/empty";
      KEY_NAME = "estate-${estate.node}-1";
    };
    unitConfig.ConditionPathExists = "!/var/lib/estate/depot-key.pub";
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    script = builtins.readFile ./depot-key.sh;
  };

  systemd.services.depot = {
    description = "Serve generations and releases to the nodes";
    wantedBy = [ "multi-user.target" ];
    after = [
      "network.target"
      "wireguard-${estate.interface}.service"
    ];
    environment = {
      XDG_CONFIG_HOME = "/run/depot";
      XDG_DATA_HOME = "/run/depot";
    };
    # The mesh's address may come late.
    unitConfig.StartLimitIntervalSec = 0;
    serviceConfig = hardening // {
      ExecStart = "${caddy} file-server --root /var/lib/estate/depot --listen ${listen}";
      Restart = "always";
      RestartSec = 5;
      User = "depot";
      Group = "depot";
      RuntimeDirectory = "depot";
    };
  };

  networking.firewall.interfaces.${estate.interface}.allowedTCPPorts = [ estate.ports.depot ];
}
