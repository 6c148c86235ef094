# The vault's database: looked through every week, and sent away encrypted every night. Both work on a copy that SQLite
# makes of the running database: a copy of the file alone would lose what is in its write-ahead log.
{ lib, pkgs, ... }:
let
  estate = import ../estate.nix;
  hardening = import ./hardening.nix;

  job =
    {
      description,
      script,
      startAt,
      environment ? { },
      serviceConfig ? { },
    }:
    {
      inherit description startAt;
      path = [
        pkgs.age
        pkgs.coreutils
        pkgs.curl
        pkgs.gnutar
        pkgs.sqlite
      ];
      inherit environment;
      unitConfig.ConditionPathExists = "/var/lib/clavitor/clavitor.db";
      serviceConfig =
        hardening
        // {
          Type = "oneshot";
          User = "clavitor";
          Group = "clavitor";
          StateDirectory = "clavitor";
          StateDirectoryMode = "0700";
          CPUSchedulingPolicy = "idle";
          IOSchedulingClass = "idle";
        }
        // serviceConfig;
      script = builtins.readFile ./vault-copy.sh + builtins.readFile script;
    };
  timer = {
    Persistent = true;
    RandomizedDelaySec = "1h";
  };
in
{
  assertions = [
    {
      assertion = estate.recipients != [ ];
      message = "age_recipients is empty: nobody could open a backup of the vault";
    }
  ];

  # Public keys of those who may open a backup.
  environment.etc."clavitor/recipients".text = lib.concatLines estate.recipients;

  systemd.services.vault-check = job {
    description = "Look through the vault's database";
    environment.JOB = "check";
    script = ./vault-check.sh;
    startAt = "Sat *-*-* 03:00:00";
  };
  systemd.timers.vault-check.timerConfig = timer;

  systemd.services.vault-backup = job {
    description = "Send an encrypted copy of the vault's database to the hub";
    environment = {
      JOB = "backup";
      BACKUP_URL = estate.backupUrl;
    };
    # The token; systemd reads the file before it becomes the user.
    serviceConfig.EnvironmentFile = "/etc/clavitor/env";
    script = ./vault-backup.sh;
    startAt = "*-*-* 01:00:00";
  };
  systemd.timers.vault-backup.timerConfig = timer;
}
