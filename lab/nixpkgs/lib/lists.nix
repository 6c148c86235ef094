# Lists, functions and values that need nothing else.
{ lib }:
{
  inherit (builtins)
    all any concatLists concatMap elem elemAt filter foldl' functionArgs genList head isAttrs isBool isInt
    isList isString length map partition sort tail isPath isFloat throw;

  id = value: value;
  const = value: _: value;
  isFunction = builtins.isFunction;
  toList = value: if builtins.isList value then value else [ value ];
  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: values: if condition then values else [ ];
  singleton = value: [ value ];
  last = list: builtins.elemAt list (builtins.length list - 1);
  foldr = f: nil: list:
    let
      count = builtins.length list;
      from = n: if n == count then nil else f (builtins.elemAt list n) (from (n + 1));
    in
    from 0;
  flatten = value: if builtins.isList value then builtins.concatMap lib.flatten value else [ value ];
  unique = builtins.foldl' (seen: x: if builtins.elem x seen then seen else seen ++ [ x ]) [ ];
  imap0 = f: list: builtins.genList (n: f n (builtins.elemAt list n)) (builtins.length list);
  imap1 = f: lib.imap0 (n: f (n + 1));
  range = first: final: if first > final then [ ] else builtins.genList (n: first + n) (final - first + 1);
  reverseList = list:
    let count = builtins.length list; in
    builtins.genList (n: builtins.elemAt list (count - n - 1)) count;
  remove = value: builtins.filter (x: x != value);
  subtractLists = gone: builtins.filter (x: !builtins.elem x gone);
  intersectLists = left: builtins.filter (x: builtins.elem x left);
  findFirst = test: default: list:
    let found = builtins.filter test list; in
    if found == [ ] then default else builtins.head found;
  count = test: list: builtins.length (builtins.filter test list);
  max = a: b: if a > b then a else b;
  min = a: b: if a < b then a else b;
  mod = a: b: a - b * (a / b);
  pipe = builtins.foldl' (value: f: f value);
  warn = message: builtins.trace "evaluation warning: ${message}";
  warnIf = condition: message: if condition then lib.warn message else lib.id;
  throwIf = condition: message: if condition then throw message else lib.id;
  throwIfNot = condition: lib.throwIf (!condition);
  assertMsg = condition: message: condition || throw message;
  importJSON = path: builtins.fromJSON (builtins.readFile path);
}
