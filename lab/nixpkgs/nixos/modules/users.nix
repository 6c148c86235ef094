# Users, groups, their SSH keys, and sudo.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  cfg = config.users;
  sudo = config.security.sudo;

  user = types.submodule ({ name, config, ... }: {
    options = {
      isNormalUser = option types.bool false;
      isSystemUser = option types.bool false;
      uid = option (types.nullOr types.int) null;
      group = option types.str "";
      extraGroups = option (types.listOf types.str) [ ];
      home = option types.path "/var/empty";
      createHome = option types.bool false;
      shell = option (types.nullOr (types.either types.path types.package)) "/run/current-system/sw/bin/nologin";
      hashedPasswordFile = option (types.nullOr types.str) null;
      openssh.authorizedKeys.keys = option (types.listOf types.singleLineStr) [ ];
    };
    config = lib.mkIf config.isNormalUser {
      group = lib.mkDefault "users";
      createHome = lib.mkDefault true;
      home = lib.mkDefault "/home/${name}";
      shell = lib.mkDefault "/run/current-system/sw/bin/bash";
    };
  });
  group = types.submodule {
    options = {
      gid = option (types.nullOr types.int) null;
      members = option (types.listOf types.str) [ ];
    };
  };

  keyed = lib.filterAttrs (_: u: u.openssh.authorizedKeys.keys != [ ]) cfg.users;
  members = name: g: lib.unique
    (g.members ++ lib.attrNames (lib.filterAttrs (_: u: builtins.elem name u.extraGroups) cfg.users));
  isWheel = name: u: name == "root" || u.group == "wheel" || builtins.elem name (members "wheel" cfg.groups.wheel);
  enters = u: u.hashedPasswordFile != null || u.openssh.authorizedKeys.keys != [ ];

  checks = name: u: [
    {
      assertion = name == "root" || u.isNormalUser != u.isSystemUser;
      message = "Exactly one of users.users.${name}.isSystemUser and users.users.${name}.isNormalUser must be set.";
    }
    {
      assertion = u.group != "";
      message = "users.users.${name}.group is unset. This used to default to nogroup, but this is unsafe.";
    }
    {
      assertion = u.group == "" || cfg.groups ? ${u.group};
      message = "users.users.${name}.group: there is no group ${u.group} in users.groups.";
    }
  ];
in
{
  options = {
    users.mutableUsers = option types.bool true;
    users.users = option (types.attrsOf user) { };
    users.groups = option (types.attrsOf group) { };
    security.sudo = {
      enable = option types.bool true;
      wheelNeedsPassword = option types.bool true;
      execWheelOnly = option types.bool false;
    };
  };

  config = {
    users.users.root = {
      uid = 0;
      group = "root";
      home = "/root";
      shell = lib.mkDefault "/run/current-system/sw/bin/bash";
    };
    users.groups = { root.gid = 0; wheel = { }; users.gid = 100; };
    assertions = lib.concatLists (lib.mapAttrsToList checks cfg.users) ++ [
      {
        assertion = cfg.mutableUsers || builtins.any enters (lib.attrValues (lib.filterAttrs isWheel cfg.users));
        message = "Neither the root account nor any wheel user has a password or SSH authorized key. You must set one to prevent being locked out of your system.";
      }
    ];
    system.build.users = lib.mapAttrs
      (_: u: removeAttrs u [ "openssh" ] // { shell = toString u.shell; extraGroups = [ ]; })
      cfg.users;
    system.build.groups = lib.mapAttrs (name: g: { inherit (g) gid; members = members name g; }) cfg.groups;
    environment.etc = lib.mapAttrs'
      (name: u: lib.nameValuePair "ssh/authorized_keys.d/${name}" {
        mode = "0444";
        text = lib.concatLines u.openssh.authorizedKeys.keys;
      })
      keyed // lib.optionalAttrs sudo.enable {
      sudoers = {
        mode = "0440";
        text = ''
          Defaults secure_path="/run/wrappers/bin:/nix/var/nix/profiles/default/bin:/run/current-system/sw/bin"
          root ALL=(ALL:ALL) SETENV: ALL
          %wheel ALL=(ALL:ALL) ${lib.optionalString (!sudo.wheelNeedsPassword) "NOPASSWD:"}SETENV: ALL
        '';
      };
    };
  };
}
