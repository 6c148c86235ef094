# Nix itself: nix.conf, the path of <nixpkgs>, and the collection of garbage.
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  cfg = config.nix;
  atom = types.oneOf [ types.bool types.int types.float types.str types.path types.package ];
  strings = option (types.listOf types.str) [ ];
  settings = types.submodule {
    freeformType = types.attrsOf (types.nullOr (types.either atom (types.listOf atom)));
    options = {
      trusted-users = option (types.listOf types.str) [ "root" ];
      allowed-users = option (types.listOf types.str) [ "*" ];
      trusted-public-keys = strings;
      # Not cache.nixos.org, which NixOS has here: nothing that the stand-in builds is there.
      substituters = strings;
      auto-optimise-store = option types.bool false;
      require-sigs = option types.bool true;
    };
  };
  value = v:
    if builtins.isBool v then lib.boolToString v
    else if builtins.isList v then lib.concatMapStringsSep " " value v
    else toString v;
  lines = lib.mapAttrsToList (name: v: "${name} = ${value v}") (lib.filterAttrs (_: v: v != null) cfg.settings);
in
{
  options.nix = {
    settings = option settings { };
    nixPath = option (types.listOf types.str) [
      "nixpkgs=/usr/share/estate-lab-nixpkgs"
      "nixos-config=/etc/nixos/configuration.nix"
    ];
    gc = {
      automatic = option types.bool false;
      dates = mkOption {
        type = types.either types.singleLineStr (types.listOf types.str);
        default = [ "03:15" ];
        apply = lib.toList;
      };
      randomizedDelaySec = option types.singleLineStr "0";
      persistent = option types.bool true;
      options = option types.singleLineStr "";
    };
  };

  config = {
    # Builds of the stand-in link to Debian's files, which no sandbox has; one user builds.
    environment.etc."nix/nix.conf".text = lib.concatLines (lines ++ [
      "nix-path = ${toString cfg.nixPath}"
      "sandbox = false"
      "build-users-group ="
    ]);
    systemd.services.nix-gc = {
      description = "Nix Garbage Collector";
      path = [ pkgs.nix ];
      script = "exec nix-collect-garbage ${cfg.gc.options}";
      serviceConfig.Type = "oneshot";
      startAt = lib.optionals cfg.gc.automatic cfg.gc.dates;
    };
    systemd.timers.nix-gc = lib.mkIf cfg.gc.automatic {
      timerConfig.RandomizedDelaySec = cfg.gc.randomizedDelaySec;
      timerConfig.Persistent = cfg.gc.persistent;
    };
  };
}
