# The push bridge: takes what nodes report, keeps it, and passes a heartbeat on to Uptime Kuma.
{ lib, pkgs, ... }:
let
  estate = import ../estate.nix;
  hardening = import ./hardening.nix;
  # In /etc, below push-bridge.
  files = {
    "config.json" = builtins.toJSON estate.bridge.config + "\n";
  }
  // lib.listToAttrs (map program estate.bridge.files);
  program = name: {
    name = "push_bridge/${name}";
    value = builtins.readFile (./push_bridge + "/${name}");
  };
in
{
  users.groups.push-bridge = { };
  users.users.push-bridge = {
    group = "push-bridge";
    isSystemUser = true;
  };

  environment.etc = lib.mapAttrs' (name: text: {
    name = "push-bridge/${name}";
    value = { inherit text; };
  }) files;

  systemd.services.push-bridge = {
    description = "Push bridge";
    wantedBy = [ "multi-user.target" ];
    after = [
      "network.target"
      "wireguard-${estate.interface}.service"
    ];
    # Its files are in /etc under names that do not change.
    restartTriggers = [ (builtins.hashString "sha256" (builtins.toJSON files)) ];
    unitConfig = {
      ConditionPathExists = [
        "/etc/push-bridge/push_bridge/__main__.py"
        "/etc/push-bridge/secrets.json"
      ];
      StartLimitIntervalSec = 0;
    };
    serviceConfig = hardening // {
      # -B: it runs from a directory that it cannot write to.
      ExecStart = "${pkgs.python3}/bin/python3 -B /etc/push-bridge/push_bridge";
      Restart = "always";
      RestartSec = 5;
      User = "push-bridge";
      Group = "push-bridge";
      StateDirectory = "push-bridge";
      StateDirectoryMode = "0700";
    };
  };

  networking.firewall.interfaces.${estate.interface}.allowedTCPPorts = [ estate.ports.bridge ];
}
