# Files of /etc, and the commands in /run/current-system/sw/bin.
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  file = types.submodule {
    options = {
      text = option (types.nullOr types.lines) null;
      source = option (types.nullOr types.path) null;
      mode = option types.str "symlink";
      user = option types.str "+0";
      group = option types.str "+0";
    };
  };
  sysctl = lib.filterAttrs (_: value: value != null) config.boot.kernel.sysctl;
  release = config.system.build.release;
  # The code that the commands and the activation of this generation run.
  runtime = builtins.path {
    name = "standin-runtime";
    path = ../../python;
    filter = path: _: !lib.hasInfix "__pycache__" (toString path);
  };
  tool = name: pkgs.writeShellScriptBin name
    "PYTHONPATH=${runtime} exec /usr/bin/python3 -BPs -m standin ${name} \"$@\"";
  # What every NixOS has in its path.
  required = with pkgs; [
    bash bzip2 coreutils curl diffutils findutils gawk getent gnugrep gnused gnutar gzip hostname iproute2 iputils
    less ncurses nix openssh procps shadow systemd util-linux which xz
  ];
in
{
  options.environment = {
    etc = option (types.attrsOf file) { };
    systemPackages = option (types.listOf types.package) [ ];
  };

  config = {
    system.build.release = "26.05";
    system.build.systemPath = pkgs.commandPath "system-path" (map tool [ "nixos-rebuild" "nixos-version" ] ++ required ++ config.environment.systemPackages);
    system.build.runtime = runtime;
    environment.etc = {
      "os-release".text = ''
        ANSI_COLOR="0;38;2;126;186;228"
        ID=nixos
        NAME=NixOS
        PRETTY_NAME="NixOS ${release} (lab stand-in on Debian)"
        VARIANT="Estate lab stand-in: real Nix, its own module set"
        VARIANT_ID=estate-lab-stand-in
        VERSION="${release} (Yarara)"
        VERSION_CODENAME=yarara
        VERSION_ID="${release}"
      '';
      "NIXOS".text = "";
      "profile".text = ''
        export PATH=/run/wrappers/bin:/nix/var/nix/profiles/default/bin:/run/current-system/sw/bin
        export NIX_PATH=${lib.concatStringsSep ":" config.nix.nixPath}
        export LANG=${config.i18n.defaultLocale}
      '';
      "locale.conf".text = "LANG=${config.i18n.defaultLocale}\n";
      "sysctl.d/60-nixos.conf".text = lib.concatLines (lib.mapAttrsToList
        (name: value: "${name}=${if builtins.isBool value then (if value then "1" else "0") else toString value}")
        sysctl);
    } // lib.optionalAttrs (config.time.timeZone != null) {
      "localtime".source = "/usr/share/zoneinfo/${config.time.timeZone}";
    };
    assertions = lib.mapAttrsToList
      (name: entry: {
        assertion = (entry.text == null) != (entry.source == null);
        message = "environment.etc.${builtins.toJSON name} needs either text or source.";
      })
      config.environment.etc;
  };
}
