# systemd: services and timers as unit files of /etc/systemd/system; tmpfiles and the journal.
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  options = import ./systemd-options.nix { inherit lib; };
  cfg = config.systemd;

  value = v: if builtins.isBool v then lib.boolToString v else toString v;
  lines = lib.concatMapAttrsStringSep "" (name: v:
    if v == null then "" else lib.concatMapStrings (x: "${name}=${value x}\n") (lib.toList v));
  words = name: list: lib.optionalAttrs (list != [ ]) { ${name} = toString list; };
  quoted = text: builtins.toJSON (builtins.replaceStrings [ "%" ] [ "%%" ] text);
  flag = name: standard: set: lib.optionalAttrs (set != standard) { ${name} = set; };

  head = unit: "[Unit]\n" + lines (
    lib.optionalAttrs (unit.description != "") { Description = unit.description; }
    // words "After" unit.after // words "Before" unit.before // words "Wants" unit.wants
    // words "Requires" unit.requires // words "PartOf" unit.partOf
    // lib.optionalAttrs (unit.restartTriggers != [ ]) {
      X-Restart-Triggers = builtins.hashString "sha256"
        (builtins.unsafeDiscardStringContext (lib.concatMapStringsSep "\n" toString unit.restartTriggers));
    }
    // unit.unitConfig);

  # As in NixOS, a service finds the commands of these packages and of its own `path`; of no others.
  base = with pkgs; [ coreutils findutils gnugrep gnused systemd ];
  unitPath = path: "${pkgs.commandPath "unit-path" (path ++ base)}";
  safe = builtins.replaceStrings [ "@" ":" "\\" "[" "]" ] [ "-" "-" "-" "" "" ];
  script = name: text: "${pkgs.writeShellScript (safe "unit-script-${name}") "set -e\n${text}"}";
  scripts = name: s: lib.concatStrings (lib.mapAttrsToList
    (key: text: lib.optionalString (text != "") "${key}=${script "${name}-${lib.toLower (lib.removePrefix "Exec" key)}" text}\n")
    { ExecStartPre = s.preStart; ExecStart = s.script; ExecReload = s.reload; ExecStopPost = s.postStop; });
  environment = s:
    let set = { PATH = "${unitPath s.path}/bin:${unitPath s.path}/sbin"; } // s.environment; in
    lib.concatStrings (lib.mapAttrsToList
      (name: v: lib.optionalString (v != null) "Environment=${quoted "${name}=${v}"}\n") set);

  service = name: s: head (s // {
    unitConfig = s.unitConfig // flag "X-RestartIfChanged" true s.restartIfChanged
      // flag "X-ReloadIfChanged" false s.reloadIfChanged // flag "X-StopIfChanged" true s.stopIfChanged;
  }) + "\n[Service]\n" + environment s + scripts name s + lines s.serviceConfig;
  timer = t: head t + "\n[Timer]\n" + lines t.timerConfig;

  entries = suffix: render: lib.concatMapAttrs (name: unit:
    let file = "${name}.${suffix}"; in
    { "systemd/system/${file}" = if unit.enable then { text = render name unit; } else { source = "/dev/null"; }; }
    // lib.optionalAttrs unit.enable (lib.listToAttrs (map
      (target: lib.nameValuePair "systemd/system/${target}.wants/${file}" { source = "/etc/systemd/system/${file}"; })
      unit.wantedBy)));

  started = lib.filterAttrs (_: s: s.enable && s.startAt != [ ]) cfg.services;
in
{
  options = {
    systemd.services = mkOption { type = types.attrsOf options.service; default = { }; };
    systemd.timers = mkOption { type = types.attrsOf options.timer; default = { }; };
    systemd.tmpfiles.rules = mkOption { type = types.listOf types.str; default = [ ]; };
    services.journald.extraConfig = mkOption { type = types.lines; default = ""; };
    services.timesyncd.enable = mkOption { type = types.bool; default = true; };
    services.timesyncd.servers = mkOption { type = types.listOf types.str; default = [ ]; };
  };

  config = {
    systemd.timers = lib.mapAttrs
      (_: s: { wantedBy = [ "timers.target" ]; timerConfig.OnCalendar = s.startAt; })
      started;
    environment.etc = entries "service" service cfg.services // entries "timer" (_: timer) cfg.timers // {
      "tmpfiles.d/00-nixos.conf".text = lib.concatLines cfg.tmpfiles.rules;
      "systemd/journald.conf".text = "[Journal]\nStorage=persistent\n${config.services.journald.extraConfig}\n";
      "systemd/system/systemd-journald.service.d/overrides.conf".text =
        "[Unit]\nX-StopIfChanged=false\nX-Restart-Triggers=${builtins.hashString "sha256" config.services.journald.extraConfig}\n";
      "systemd/timesyncd.conf".text = "[Time]\nNTP=${toString config.services.timesyncd.servers}\n";
    };
    assertions = lib.concatLists (lib.mapAttrsToList
      (name: s: [
        {
          assertion = !(s.enable && s.script != "" && s.serviceConfig ? ExecStart);
          message = "systemd.services.${name} has both script and serviceConfig.ExecStart.";
        }
        {
          assertion = s.restartIfChanged || !s.reloadIfChanged;
          message = "systemd.services.${name}: reloadIfChanged needs restartIfChanged.";
        }
      ])
      cfg.services);
    warnings = lib.concatLists (lib.mapAttrsToList
      (name: s: lib.optional
        (builtins.elem "network-online.target" s.after && !builtins.elem "network-online.target" (s.wants ++ s.requires))
        "${name}.service is ordered after 'network-online.target' but doesn't depend on it")
      cfg.services);
  };
}
