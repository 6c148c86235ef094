# Options of one service and of one timer.
{ lib }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  atom = types.oneOf [ types.bool types.int types.float types.str types.path types.package ];
  section = option (types.attrsOf (types.nullOr (types.either atom (types.listOf atom)))) { };
  names = option (types.listOf types.str) [ ];
  unit = {
    enable = option types.bool true;
    description = option types.singleLineStr "";
    after = names;
    before = names;
    wants = names;
    requires = names;
    partOf = names;
    wantedBy = names;
    unitConfig = section;
    restartTriggers = option (types.listOf types.unspecified) [ ];
  };
in
{
  service = types.submodule {
    options = unit // {
      environment = option (types.attrsOf (types.nullOr (types.oneOf [ types.str types.path types.package ]))) { };
      path = option (types.listOf (types.oneOf [ types.package types.str ])) [ ];
      serviceConfig = section;
      script = option types.lines "";
      preStart = option types.lines "";
      reload = option types.lines "";
      postStop = option types.lines "";
      restartIfChanged = option types.bool true;
      reloadIfChanged = option types.bool false;
      stopIfChanged = option types.bool true;
      startAt = mkOption {
        type = types.either types.str (types.listOf types.str);
        default = [ ];
        apply = lib.toList;
      };
    };
  };
  timer = types.submodule { options = unit // { timerConfig = section; }; };
}
