# The service that all this is for. Its binary is no part of a generation: the rollout puts it below
# /opt/clavitor/releases, and takes generation and binary back together.
{ lib, ... }:
let
  estate = import ../estate.nix;
  hardening = import ./hardening.nix;
in
{
  users.groups.clavitor = { };
  users.users.clavitor = {
    group = "clavitor";
    isSystemUser = true;
  };

  systemd.tmpfiles.rules = [
    "d /etc/clavitor 0755 root root -"
    "d /opt/clavitor 0755 root root -"
    "d /opt/clavitor/releases 0755 root root -"
    "d /var/lib/estate 0755 root root -"
  ];

  systemd.services.clavitor = {
    description = "Clavitor";
    wantedBy = [ "multi-user.target" ];
    # `after` alone orders nothing when nobody wants the target. Not after the mesh: customers are served without it.
    after = [ "network-online.target" ];
    wants = [ "network-online.target" ];
    environment = estate.clavitor.environment;
    unitConfig = {
      # A node that has no release yet waits for one instead of failing every five seconds.
      ConditionPathExists = [
        "/opt/clavitor/current/clavitor"
        "/etc/clavitor/env"
      ];
      StartLimitIntervalSec = 0;
    };
    serviceConfig =
      hardening
      // {
        ExecStart = "/opt/clavitor/current/clavitor";
        EnvironmentFile = "/etc/clavitor/env";
        Restart = "always";
        RestartSec = 5;
        User = "clavitor";
        Group = "clavitor";
        StateDirectory = "clavitor";
        StateDirectoryMode = "0700";
        WorkingDirectory = "/var/lib/clavitor";
        # Ports 80 and 443, the only thing that it cannot do as itself.
        AmbientCapabilities = [ "CAP_NET_BIND_SERVICE" ];
        CapabilityBoundingSet = [ "CAP_NET_BIND_SERVICE" ];
        LimitNOFILE = 65536;
      }
      // lib.optionalAttrs (estate.clavitor.memoryMax != "") {
        # It dies before the machine does: sshd and WireGuard need room too.
        MemoryMax = estate.clavitor.memoryMax;
      };
  };
}
