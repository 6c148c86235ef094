# The push bridge: takes what nodes report, keeps it, and passes a heartbeat on to Uptime Kuma.
{ lib, pkgs, ... }:
let
  estate = import ../estate.nix;
  hardening = import ./hardening.nix;
  config = builtins.toJSON estate.bridge.config + "\n";
  program = name: builtins.readFile (./push_bridge + "/${name}");
in
{
  users.groups.push-bridge = { };
  users.users.push-bridge = {
    group = "push-bridge";
    isSystemUser = true;
  };

  environment.etc = {
    "push-bridge/config.json".text = config;
  }
  // lib.listToAttrs (
    map (name: lib.nameValuePair "push-bridge/push_bridge/${name}" { text = program name; }) estate.bridge.files
  );

  systemd.services.push-bridge = {
    description = "Push bridge";
    wantedBy = [ "multi-user.target" ];
    after = [
      "network.target"
      "wireguard-${estate.interface}.service"
    ];
    # Its files are in /etc under names that do not change.
    restartTriggers = [ (builtins.hashString "sha256" (config + lib.concatStrings (map program estate.bridge.files))) ];
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
      LoadCredential = "secrets:/etc/push-bridge/secrets.json";
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
