# A generation: one derivation with everything that switch-to-configuration and the boot need. Its
# builder copies text and makes links; python/standin/build.py says what is where.
{ lib, pkgs, config, specialisations }:
let
  inherit (config.system.build) runtime;
  source = e: if e.source == null then null else "${e.source}";
  version = "${config.system.build.release}.estate-lab";

  generation = {
    inherit version specialisations;
    inherit (config.system) stateVersion;
    inherit (config.system.build) groups release users;
    inherit (config.networking) extraHosts hostName;
    inherit (config.users) mutableUsers;
    etc = lib.mapAttrsToList
      (path: e: { inherit path; inherit (e) group mode text user; source = source e; })
      config.environment.etc;
    sysctl = lib.filterAttrs (_: value: value != null) config.boot.kernel.sysctl;
    systemPath = "${config.system.build.systemPath}";
    configurationLimit = config.boot.loader.grub.configurationLimit;
    ruleset = config.system.build.ruleset or "";
    # Declared and checked, but without effect in a container.
    recorded = {
      inherit (config) boot fileSystems swapDevices time zramSwap;
      inherit (config.networking) nameservers useDHCP;
      inherit (config.services) timesyncd;
    };
  };
in
derivation {
  name = "nixos-system-${config.networking.hostName}-${version}";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-euc" "PYTHONPATH=${runtime} exec /usr/bin/python3 -BPs -m standin build \"$out\" \"$generationPath\" \"$runtime\"" ];
  inherit runtime;
  generation = builtins.toJSON generation;
  passAsFile = [ "generation" ];
  preferLocalBuild = true;
  allowSubstitutes = false;
}
