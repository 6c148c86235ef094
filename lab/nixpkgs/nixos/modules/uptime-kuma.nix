# Uptime Kuma: what is at /opt/uptime-kuma on the host (npm's package), as NixOS' unit runs it.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.services.uptime-kuma;
in
{
  options.services.uptime-kuma = {
    enable = mkOption { type = types.bool; default = false; };
    settings = mkOption {
      default = { };
      type = types.submodule { freeformType = types.attrsOf types.str; };
    };
  };

  config = lib.mkIf cfg.enable {
    services.uptime-kuma.settings = lib.mapAttrs (_: lib.mkDefault) {
      DATA_DIR = "/var/lib/uptime-kuma/";
      NODE_ENV = "production";
      HOST = "127.0.0.1";
      PORT = "3001";
    };
    systemd.services.uptime-kuma = {
      description = "Uptime Kuma";
      after = [ "network.target" ];
      wantedBy = [ "multi-user.target" ];
      # Node reads a list of its own: this one has the lab's authority. Debian has no NSS for dynamic users.
      environment = { HOME = "/var/lib/uptime-kuma"; NODE_EXTRA_CA_CERTS = "/etc/ssl/certs/ca-certificates.crt"; } // cfg.settings;
      serviceConfig = {
        Type = "simple";
        StateDirectory = "uptime-kuma";
        WorkingDirectory = "/opt/uptime-kuma";
        DynamicUser = true;
        ExecStart = "/usr/bin/node /opt/uptime-kuma/server/server.js";
        Restart = "on-failure";
        ProtectHome = true;
        ProtectSystem = "strict";
        PrivateTmp = true;
        NoNewPrivileges = true;
      };
    };
  };
}
