# The nodes' backups, which they encrypted themselves, go to another place every night; nothing there is ever replaced
# or deleted, so the key that writes need not be able to. `systemctl start vault-offsite-back` brings them back to a hub
# that was made anew.
{ pkgs, ... }:
let
  estate = import ../estate.nix;
  hardening = import ./hardening.nix;

  job = script: {
    path = [
      pkgs.coreutils
      pkgs.rclone
    ];
    environment = {
      OFFSITE_TARGET = "offsite:${estate.offsite}";
      # rclone's own state; there is no configuration file.
      RCLONE_CONFIG = "";
      XDG_CACHE_HOME = "/tmp";
    };
    unitConfig.ConditionPathExists = "/etc/push-bridge/offsite.env";
    serviceConfig = hardening // {
      Type = "oneshot";
      User = "push-bridge";
      Group = "push-bridge";
      StateDirectory = "push-bridge";
      StateDirectoryMode = "0700";
      # The key; systemd reads the file before it becomes the user.
      EnvironmentFile = "/etc/push-bridge/offsite.env";
      CPUSchedulingPolicy = "idle";
      IOSchedulingClass = "idle";
      TimeoutStartSec = "3h";
    };
    script = builtins.readFile script;
  };
in
{
  systemd.services.vault-offsite = job ./vault-offsite.sh // {
    description = "Copy the nodes' backups to ${estate.offsite}";
    startAt = "*-*-* 04:30:00";
  };
  systemd.timers.vault-offsite.timerConfig = {
    Persistent = true;
    RandomizedDelaySec = "30m";
  };

  systemd.services.vault-offsite-back = job ./vault-offsite-back.sh // {
    description = "Bring the nodes' backups back from ${estate.offsite}";
  };
}
