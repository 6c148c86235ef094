# What a definition can be wrapped in: a condition, a priority, a merge, an order.
{ lib }:
let
  wrapped = kind: value: builtins.isAttrs value && (value._type or null) == kind;
in
rec {
  mkIf = condition: content: { _type = "if"; inherit condition content; };
  mkMerge = contents: { _type = "merge"; inherit contents; };
  mkOverride = priority: content: { _type = "override"; inherit priority content; };
  mkOrder = priority: content: { _type = "order"; inherit priority content; };
  mkOptionDefault = mkOverride 1500;
  mkDefault = mkOverride 1000;
  mkForce = mkOverride 50;
  mkVMOverride = mkOverride 10;
  mkBefore = mkOrder 500;
  mkAfter = mkOrder 1500;

  # The sets that a set of definitions stands for, its wrapping moved to each attribute. Conditions
  # are not looked at here: they may depend on the configuration that this is a part of.
  pushDown = where: value:
    let inner = f: map (builtins.mapAttrs (_: f)) (pushDown where value.content); in
    if wrapped "merge" value then builtins.concatMap (pushDown where) value.contents
    else if wrapped "if" value then inner (mkIf value.condition)
    else if wrapped "override" value then inner (mkOverride value.priority)
    else if wrapped "order" value then inner (mkOrder value.priority)
    else if builtins.isAttrs value then [ value ]
    else throw "In module `${where.file}', you're trying to define a value of type `${builtins.typeOf value}' rather than an attribute set for the option `${lib.showOption where.prefix}'!";

  # The plain values of one option's definition, with the priority and order of each.
  discharge = value:
    let inside = discharge value.content; in
    if wrapped "merge" value then builtins.concatMap discharge value.contents
    else if wrapped "if" value then
      (if builtins.isBool value.condition
      then (if value.condition then inside else [ ])
      else throw "mkIf called with a non-Boolean condition")
    else if wrapped "override" value then map (d: d // { inherit (value) priority; }) inside
    else if wrapped "order" value then map (d: d // { order = value.priority; }) inside
    else [ { inherit value; priority = 100; order = 1000; } ];
}
