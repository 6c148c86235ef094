# Attribute sets.
{ lib }:
{
  inherit (builtins)
    attrNames attrValues catAttrs getAttr hasAttr intersectAttrs listToAttrs mapAttrs removeAttrs;

  nameValuePair = name: value: { inherit name value; };
  optionalAttrs = condition: set: if condition then set else { };
  mapAttrsToList = f: set: map (name: f name set.${name}) (builtins.attrNames set);
  attrsToList = lib.mapAttrsToList lib.nameValuePair;
  mapAttrs' = f: set: builtins.listToAttrs (lib.mapAttrsToList f set);
  filterAttrs = keep: set:
    builtins.removeAttrs set (builtins.filter (name: !keep name set.${name}) (builtins.attrNames set));
  concatMapAttrs = f: set: builtins.foldl' (sum: part: sum // part) { } (lib.mapAttrsToList f set);
  mergeAttrsList = builtins.foldl' (sum: part: sum // part) { };
  genAttrs = names: f: builtins.listToAttrs (map (name: lib.nameValuePair name (f name)) names);
  genAttrs' = names: f: builtins.listToAttrs (map f names);
  foldlAttrs = f: start: set: builtins.foldl' (sum: name: f sum name set.${name}) start (builtins.attrNames set);
  attrByPath = path: default: set:
    if path == [ ] then set
    else if builtins.isAttrs set && set ? ${builtins.head path}
    then lib.attrByPath (builtins.tail path) default set.${builtins.head path}
    else default;
  getAttrFromPath = path: lib.attrByPath path (throw "cannot find attribute `${lib.showOption path}'");
  hasAttrByPath = path: set:
    path == [ ]
    || (builtins.isAttrs set && set ? ${builtins.head path}
      && lib.hasAttrByPath (builtins.tail path) set.${builtins.head path});
  setAttrByPath = path: value:
    if path == [ ] then value else { ${builtins.head path} = lib.setAttrByPath (builtins.tail path) value; };
  recursiveUpdate = left: right:
    left // builtins.mapAttrs
      (name: value:
        if builtins.isAttrs value && builtins.isAttrs (left.${name} or null)
        then lib.recursiveUpdate left.${name} value
        else value)
      right;
  isDerivation = value: (value.type or null) == "derivation";
  getBin = package: package;
  getExe = package: "${package}/bin/${package.meta.mainProgram}";
  getExe' = package: name: "${package}/bin/${name}";
}
