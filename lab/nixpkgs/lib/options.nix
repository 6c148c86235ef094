# Declarations of options, and how options and definitions are named in messages.
{ lib }:
let
  inherit (builtins) isAttrs isBool isFunction isInt isList isPath isString toJSON;

  # A value in a message: short, and never evaluated deeper than it is shown.
  showValue = depth: value:
    let
      inside = showValue (depth - 1);
      tried = builtins.tryEval value;
    in
    if !tried.success then "<error>"
    else if isString value || isInt value || builtins.isFloat value then toJSON value
    else if value == null then "null"
    else if isBool value then lib.boolToString value
    else if isPath value then toString value
    else if isFunction value then "<function>"
    else if lib.isDerivation value then "<derivation ${value.name or "?"}>"
    else if depth == 0 then (if isList value then "[ ... ]" else "{ ... }")
    else if isList value then "[ ${lib.concatMapStrings (x: inside x + " ") value}]"
    else if isAttrs value then
      "{ ${lib.concatStrings (lib.mapAttrsToList (n: v: "${part n} = ${inside v}; ") value)}}"
    else "<${builtins.typeOf value}>";

  part = name:
    if builtins.match "[a-zA-Z_][a-zA-Z0-9_'-]*|<.*>|\\[.*]|\\*" name != null then name else toJSON name;
in
{
  mkOption = { ... }@option: option // { _type = "option"; };
  mkEnableOption = name: lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Whether to enable ${name}.";
  };
  isOption = value: isAttrs value && (value._type or null) == "option";
  literalExpression = text: { _type = "literalExpression"; inherit text; };
  showDefs = lib.concatMapStrings (d: "\n- In `${d.file}': ${showValue 2 d.value}");
  showFiles = lib.concatMapStringsSep " and " (file: "`${file}'");
  showOption = loc: builtins.concatStringsSep "." (map part loc);
}
