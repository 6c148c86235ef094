# Option types: what a definition must be, and how several become one value.
{ lib }:
let
  inherit (builtins) all attrNames concatMap elem filter head isAttrs isBool isFunction isInt isList isPath isString length map toJSON;

  type = description: check: { inherit description check; merge = same; };
  values = map (d: d.value);

  conflict = loc: defs:
    throw "The option `${lib.showOption loc}' has conflicting definition values:${lib.showDefs defs}\nUse `lib.mkForce value` or `lib.mkDefault value` to change the priority on any of these definitions.";
  same = loc: defs:
    let first = (head defs).value; in
    if all (d: d.value == first) defs then first else conflict loc defs;
  single = loc: defs:
    if length defs == 1 then (head defs).value
    else throw "The option `${lib.showOption loc}' is defined multiple times while it's expected to be unique.${lib.showDefs defs}";

  # A value of any kind: sets merge, lists join, the rest must agree.
  anyhow = loc: defs:
    if length defs == 1 && !isAttrs (head defs).value then (head defs).value
    else if all isAttrs (values defs) && !lib.any lib.isDerivation (values defs)
    then (attrsOf anything).merge loc defs
    else if all isList (values defs) then concatMap (d: d.value) defs
    else same loc defs;
  anything = { description = "anything"; check = _: true; merge = anyhow; };

  between = low: high:
    type "integer between ${toString low} and ${toString high} (both inclusive)" (x: isInt x && x >= low && x <= high);

  joined = separator: description: type description isString // {
    merge = _: defs: builtins.concatStringsSep separator (values defs);
  };

  listOf = element: type "list of ${element.description}" isList // {
    merge = loc: defs:
      let
        entry = n: d: lib.imap1
          (m: value: lib.mergeDefinitions (loc ++ [ "[definition ${toString n}-entry ${toString m}]" ]) element
            [ { inherit (d) file; inherit value; } ])
          d.value;
      in
      map (found: found.mergedValue) (filter (found: found.isDefined) (builtins.concatLists (lib.imap1 entry defs)));
  };

  attrsOf = element: type "attribute set of ${element.description}" isAttrs // {
    merge = loc: defs:
      let
        flat = concatMap
          (d: map (value: { inherit (d) file; inherit value; }) (lib.pushDown { prefix = loc; inherit (d) file; } d.value))
          defs;
        names = lib.unique (concatMap (d: attrNames d.value) flat);
        one = name: lib.mergeDefinitions (loc ++ [ name ]) element
          (map (d: { inherit (d) file; value = d.value.${name}; }) (filter (d: d.value ? ${name}) flat));
        found = map (name: lib.nameValuePair name (one name)) names;
      in
      builtins.mapAttrs (_: f: f.mergedValue)
        (builtins.listToAttrs (filter (f: f.value.isDefined) found));
  };

  either = a: b: type "${a.description} or ${b.description}" (x: a.check x || b.check x) // {
    merge = loc: defs:
      if all a.check (values defs) then a.merge loc defs
      else if all b.check (values defs) then b.merge loc defs
      else conflict loc defs;
  };

  nullOr = inner: type "null or ${inner.description}" (x: x == null || inner.check x) // {
    merge = loc: defs:
      if all (x: x == null) (values defs) then null
      else if lib.any (x: x == null) (values defs) then conflict loc defs
      else inner.merge loc defs;
  };

  # Definitions that are sets define options only, so that a submodule may have one called "options".
  submodule = modules: type "submodule" (x: isAttrs x || isFunction x || isPath x) // {
    merge = loc: defs: (lib.evalModules {
      modules = lib.toList modules ++ map
        (d: { _file = d.file; } // (if isAttrs d.value then { config = d.value; } else { imports = [ d.value ]; }))
        defs;
      specialArgs.name = lib.last loc;
      prefix = loc;
    }).config;
  };
in
{
  inherit anything attrsOf either listOf nullOr submodule;
  bool = type "boolean" isBool;
  int = type "signed integer" isInt;
  float = type "floating point number" builtins.isFloat;
  number = type "signed integer or floating point number" (x: isInt x || builtins.isFloat x);
  str = type "string" isString;
  nonEmptyStr = type "non-empty string" (x: isString x && builtins.match "[ \t\n]*" x == null);
  singleLineStr = type "(optionally newline-terminated) single-line string" (x: isString x && builtins.match "[^\n\r]*\n?" x != null);
  strMatching = pattern: type "string matching the pattern ${pattern}" (x: isString x && builtins.match pattern x != null);
  path = type "absolute path" (x: lib.isStringLike x && builtins.substring 0 1 (toString x) == "/");
  package = type "package" (x: lib.isDerivation x || (isString x && lib.hasPrefix builtins.storeDir x));
  port = between 0 65535 // { description = "16 bit unsigned integer; between 0 and 65535 (both inclusive)"; };
  ints = {
    inherit between;
    unsigned = type "unsigned integer, meaning >=0" (x: isInt x && x >= 0);
    positive = type "positive integer, meaning >0" (x: isInt x && x > 0);
    u8 = between 0 255;
    u16 = between 0 65535;
  };
  lines = joined "\n" "strings concatenated with \"\\n\"";
  commas = joined "," "strings concatenated with \",\"";
  separatedString = separator: joined separator "strings concatenated with ${toJSON separator}";
  enum = choices: type "one of ${lib.concatMapStringsSep ", " toJSON choices}" (x: elem x choices);
  raw = type "raw value" (_: true) // { merge = single; };
  unspecified = anything // { description = "unspecified value"; };
  attrs = type "attribute set" isAttrs // { merge = _: defs: lib.mergeAttrsList (values defs); };
  lazyAttrsOf = attrsOf;
  oneOf = types: builtins.foldl' either (head types) (builtins.tail types);
  unique = _: inner: inner // { merge = single; };
  addCheck = inner: test: inner // { check = x: inner.check x && test x; };
  coercedTo = from: f: to: type "${to.description} or ${from.description} convertible to it" (x: to.check x || (from.check x && to.check (f x))) // {
    merge = loc: defs: to.merge loc (map (d: d // { value = if from.check d.value then f d.value else d.value; }) defs);
  };
}
