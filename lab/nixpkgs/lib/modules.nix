# evalModules: many modules, each with options, definitions or both, become one configuration.
{ lib }:
let
  inherit (builtins) attrNames concatMap filter isAttrs isFunction isPath isString listToAttrs map mapAttrs;

  notes = [ "_file" "_class" "key" "imports" "freeformType" "meta" "disabledModules" ];

  # A module set in its explicit form.
  explicit = file: module:
    let
      plain = { inherit file; imports = [ ]; options = { }; freeformType = null; };
      noted = plain // {
        file = module._file or file;
        imports = module.imports or [ ];
        freeformType = module.freeformType or null;
      };
      stray = attrNames (removeAttrs module (notes ++ [ "options" "config" ]));
    in
    if !isAttrs module then
      throw "Module `${file}' is a ${builtins.typeOf module}, not an attribute set or a function."
    else if module ? _type then plain // { config = module; }
    else if !(module ? options || module ? config) then noted // { config = removeAttrs module notes; }
    else if stray != [ ] then
      throw "Module `${noted.file}' has an unsupported attribute `${builtins.head stray}'. This is caused by introducing a top-level `config' or `options' attribute. Add configuration attributes immediately on the top level instead, or move all of them (namely: ${toString stray}) into the explicit `config' attribute."
    else noted // { options = module.options or { }; config = module.config or { }; };

  # Every module that these modules import, themselves included; one that is imported twice counts once.
  collect = args: modules:
    let
      item = file: key: module:
        if isPath module || isString module then
          loaded (toString module) (toString module) (import module)
        else loaded file key module;
      loaded = file: key: module: {
        inherit key;
        module = explicit file (if isFunction module then module args else module);
      };
      below = parent: file: lib.imap1 (n: item file "${parent}:anon-${toString n}");
    in
    map (found: found.module) (builtins.genericClosure {
      startSet = below "" "<unknown-file>" modules;
      operator = found: below found.key found.module.file found.module.imports;
    });

  # The tree of options that the modules declare.
  declare = prefix: decls:
    let
      names = lib.unique (concatMap (d: attrNames d.options) decls);
      one = name:
        let
          loc = prefix ++ [ name ];
          here = map (d: { inherit (d) file; options = d.options.${name}; }) (filter (d: d.options ? ${name}) decls);
        in
        if !lib.any (d: lib.isOption d.options) here then declare loc here
        else if builtins.length here > 1 then
          throw "The option `${lib.showOption loc}' in ${lib.showFiles (map (d: d.file) here)} is already declared."
        else (builtins.head here).options // { inherit loc; declarations = map (d: d.file) here; };
    in
    listToAttrs (map (name: lib.nameValuePair name (one name)) names);

  # The values of a tree of options, and the definitions that belong to none.
  define = prefix: tree: defs:
    let
      flat = concatMap
        (d: map (value: { inherit (d) file; inherit value; }) (lib.pushDown { inherit prefix; inherit (d) file; } d.value))
        defs;
      named = name: map (d: { inherit (d) file; value = d.value.${name}; }) (filter (d: d.value ? ${name}) flat);
      parts = mapAttrs
        (name: sub:
          if lib.isOption sub
          then { value = valueOf sub (named name); unmatched = [ ]; }
          else define (prefix ++ [ name ]) sub (named name))
        tree;
      strays = d: map
        (name: { loc = prefix ++ [ name ]; inherit (d) file; value = d.value.${name}; })
        (filter (name: !(tree ? ${name})) (attrNames d.value));
    in
    {
      value = mapAttrs (_: p: p.value) parts;
      unmatched = concatMap strays flat ++ concatMap (p: p.unmatched) (builtins.attrValues parts);
    };

  valueOf = option: defs:
    let
      fallback = lib.optional (option ? default) {
        file = builtins.head option.declarations;
        value = lib.mkOptionDefault option.default;
      };
      value = (mergeDefinitions option.loc (option.type or lib.types.unspecified) (defs ++ fallback)).mergedValue;
    in
    if option ? apply then option.apply value else value;

  # One option's definitions as one value, or an error that names the option and the files.
  mergeDefinitions = loc: type: defs:
    let
      all = concatMap (d: map (x: x // { inherit (d) file; }) (lib.discharge d.value)) defs;
      best = builtins.foldl' (p: d: lib.min p d.priority) 9999 all;
      kept = builtins.sort (a: b: a.order < b.order) (filter (d: d.priority == best) all);
      wrong = filter (d: !type.check d.value) kept;
    in
    {
      isDefined = kept != [ ];
      mergedValue =
        if kept == [ ] then
          throw "The option `${lib.showOption loc}' was accessed but has no value defined. Try setting the option."
        else if wrong != [ ] then
          throw "A definition for option `${lib.showOption loc}' is not of type `${type.description}'. Definition values:${lib.showDefs wrong}"
        else type.merge loc (map (d: { inherit (d) file value; }) kept);
    };

  evalModules = { modules, specialArgs ? { }, prefix ? [ ], check ? true, ... }@arguments:
    let
      found = lib.reverseList (collect ({ inherit config options lib; } // specialArgs) modules);
      options = declare prefix found;
      defined = define prefix options (map (m: { inherit (m) file; value = m.config; }) found);
      types = filter (type: type != null) (map (m: m.freeformType) found);
      relative = loc: lib.imap0 (n: _: builtins.elemAt loc (n + builtins.length prefix)) (lib.range 1 (builtins.length loc - builtins.length prefix));
      free = (mergeDefinitions prefix (builtins.head types) (map
        (d: { inherit (d) file; value = lib.setAttrByPath (relative d.loc) d.value; })
        defined.unmatched)).mergedValue;
      config =
        if types == [ ] || defined.unmatched == [ ]
        then defined.value
        else lib.recursiveUpdate free defined.value;
      stray = builtins.head defined.unmatched;
      same = filter (d: d.loc == stray.loc) defined.unmatched;
    in
    {
      inherit options;
      config =
        if check && types == [ ] && defined.unmatched != [ ]
        then throw "The option `${lib.showOption stray.loc}' does not exist. Definition values:${lib.showDefs same}"
        else config;
      extendModules = { modules ? [ ], specialArgs ? { }, ... }@more:
        evalModules (arguments // {
          modules = arguments.modules ++ modules;
          specialArgs = arguments.specialArgs or { } // specialArgs;
        });
    };
in
{
  inherit evalModules mergeDefinitions;
}
