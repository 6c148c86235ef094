# Old generations go, but never the way back. nix.gc knows ages only: "-d" leaves nothing to return to, and an age
# nothing on a node that was not deployed for long. So a number of them stays.
{ pkgs, ... }:
let
  estate = import ../estate.nix;
in
{
  # The boot menu; the store is what the service below clears.
  boot.loader.grub.configurationLimit = estate.generations;

  systemd.services.estate-gc = {
    description = "Remove old generations and what only they use";
    path = [
      pkgs.coreutils
      pkgs.nix
    ];
    environment.GENERATIONS = toString estate.generations;
    # A switch that nobody has confirmed yet may return to any of them.
    unitConfig.ConditionDirectoryNotEmpty = "!/var/lib/estate/revert";
    serviceConfig = {
      Type = "oneshot";
      CPUSchedulingPolicy = "idle";
      IOSchedulingClass = "idle";
    };
    script = builtins.readFile ./gc.sh;
    startAt = "Sun *-*-* 02:00:00";
  };
  systemd.timers.estate-gc.timerConfig = {
    Persistent = true;
    RandomizedDelaySec = "2h";
  };
}
