# sshd, with NixOS' defaults, also those that are too wide (password login, port open everywhere).
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  cfg = config.services.openssh;
  strings = option (types.nullOr (types.listOf types.str)) null;
  atom = types.nullOr (types.oneOf [ types.bool types.int types.float types.str types.path ]);

  settings = types.submodule {
    freeformType = types.attrsOf atom;
    options = {
      PasswordAuthentication = option types.bool true;
      KbdInteractiveAuthentication = option types.bool true;
      PermitRootLogin = option
        (types.enum [ "yes" "without-password" "prohibit-password" "forced-commands-only" "no" ])
        "prohibit-password";
      X11Forwarding = option types.bool false;
      UsePAM = option types.bool true;
      UseDns = option types.bool false;
      PrintMotd = option types.bool false;
      StrictModes = option types.bool true;
      GatewayPorts = option types.str "no";
      LogLevel = option (types.enum [ "QUIET" "FATAL" "ERROR" "INFO" "VERBOSE" "DEBUG" "DEBUG1" "DEBUG2" "DEBUG3" ]) "INFO";
      Ciphers = strings;
      KexAlgorithms = strings;
      Macs = strings;
      AllowUsers = strings;
      AllowGroups = strings;
      DenyUsers = strings;
      DenyGroups = strings;
    };
  };
  hostKey = types.submodule {
    freeformType = types.attrsOf types.unspecified;
    options.path = mkOption { type = types.str; };
    options.type = mkOption { type = types.str; };
  };

  commas = [ "Ciphers" "KexAlgorithms" "Macs" ];
  value = name: v:
    if builtins.isBool v then (if v then "yes" else "no")
    else if builtins.isList v then lib.concatStringsSep (if builtins.elem name commas then "," else " ") v
    else toString v;
  set = lib.filterAttrs (_: v: v != null) cfg.settings;
  keyFiles = lib.optional cfg.authorizedKeysInHomedir "%h/.ssh/authorized_keys" ++ [ "/etc/ssh/authorized_keys.d/%u" ];
  path = "/run/wrappers/bin:/nix/var/nix/profiles/default/bin:/run/current-system/sw/bin";

  text = lib.concatMapStrings (port: "Port ${toString port}\n") cfg.ports
    + lib.concatStrings (lib.mapAttrsToList (name: v: "${name} ${value name v}\n") set)
    + ''
      AuthorizedKeysFile ${toString keyFiles}
      Subsystem sftp /usr/lib/openssh/sftp-server
      SetEnv PATH=${path}
    ''
    + lib.concatMapStrings (key: "HostKey ${key.path}\n") cfg.hostKeys
    # What the lab says of its own controller: after the settings, for the first value of a keyword stands.
    + "Include /etc/ssh/sshd_config.d/00-lab.conf\n"
    + cfg.extraConfig;
  generate = key: ''
    if ! [ -s ${key.path} ]; then
      mkdir -p "$(dirname ${key.path})"
      ssh-keygen -t ${key.type} ${lib.optionalString (key ? bits) "-b ${toString key.bits}"} -f ${key.path} -N ""
    fi
  '';
in
{
  options.services.openssh = {
    enable = option types.bool false;
    ports = option (types.listOf types.port) [ 22 ];
    openFirewall = option types.bool true;
    startWhenNeeded = option types.bool false;
    authorizedKeysInHomedir = option types.bool true;
    settings = option settings { };
    hostKeys = option (types.listOf hostKey) [
      { type = "rsa"; bits = 4096; path = "/etc/ssh/ssh_host_rsa_key"; }
      { type = "ed25519"; path = "/etc/ssh/ssh_host_ed25519_key"; }
    ];
    extraConfig = option types.lines "";
  };

  config = lib.mkIf cfg.enable {
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall cfg.ports;
    environment.etc."ssh/sshd_config".text = text;
    assertions = [
      {
        assertion = !cfg.startWhenNeeded;
        message = "services.openssh.startWhenNeeded: the lab's stand-in has no socket activated sshd.";
      }
    ];
    systemd.services.sshd = {
      description = "SSH Daemon";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      path = [ pkgs.openssh ];
      stopIfChanged = false;
      restartTriggers = [ text ];
      preStart = lib.concatMapStrings generate cfg.hostKeys;
      serviceConfig = {
        ExecStart = "${pkgs.openssh}/sbin/sshd -D -f /etc/ssh/sshd_config";
        KillMode = "process";
        Restart = "always";
        Type = "simple";
        RuntimeDirectory = "sshd";
        RuntimeDirectoryMode = "0755";
        RuntimeDirectoryPreserve = true;
      };
    };
  };
}
