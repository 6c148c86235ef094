# Assertions, and the machine's own matters. In a container most of these are recorded in the generation only.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  mount = types.submodule {
    options = {
      device = option (types.nullOr types.str) null;
      fsType = option types.nonEmptyStr "auto";
      options = option (types.listOf types.nonEmptyStr) [ "defaults" ];
    };
  };
  swap = types.submodule {
    options = {
      device = mkOption { type = types.nonEmptyStr; };
      size = option (types.nullOr types.int) null;
    };
  };
in
{
  options = {
    assertions = option (types.listOf types.unspecified) [ ];
    warnings = option (types.listOf types.str) [ ];
    system.stateVersion = mkOption { type = types.strMatching "[0-9]{2}\\.(05|11)"; };
    # What modules hand to the generation and to the summary (nixos/toplevel.nix).
    system.build = option (types.attrsOf types.unspecified) { };
    time.timeZone = option (types.nullOr types.str) null;
    i18n.defaultLocale = option types.str "en_US.UTF-8";
    documentation.enable = option types.bool true;
    boot = {
      loader.grub.enable = option types.bool true;
      loader.grub.device = option types.str "";
      loader.grub.configurationLimit = option types.int 100;
      tmp.cleanOnBoot = option types.bool false;
      kernel.sysctl = option (types.attrsOf (types.nullOr (types.oneOf [ types.bool types.int types.str ]))) { };
      initrd.availableKernelModules = option (types.listOf types.str) [ ];
      initrd.systemd.enable = option types.bool true;
    };
    fileSystems = option (types.attrsOf mount) { };
    swapDevices = option (types.listOf swap) [ ];
    zramSwap = {
      enable = option types.bool false;
      memoryPercent = option types.int 50;
      algorithm = option types.str "zstd";
      priority = option types.int 5;
    };
  };
}
