# <nixpkgs/nixos> of the lab. `-A system`: what a host is switched to. `-A summary`: what the configuration
# says, without building anything. `lib` is an argument so that nixpkgs' own can be set against ours.
{ configuration ? <nixos-config>, lib ? import ../lib, ... }:
let
  pkgs = import ../pkgs { inherit lib; };
  evaluated = lib.evalModules {
    modules = import ./modules ++ [ configuration ];
    specialArgs = { inherit pkgs; modulesPath = toString ./modules; };
  };

  # A configuration that fails its own assertions is not used for anything.
  checked = config: value:
    let
      failed = map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions);
      warned = builtins.foldl' (v: message: lib.warn message v) value config.warnings;
    in
    if failed == [ ] then warned
    else throw "\nFailed assertions:\n${lib.concatMapStringsSep "\n" (message: "- ${message}") failed}";

  # The configuration of a specialisation: its parent's and its own; it has none itself.
  special = _: s: (lib.evalModules {
    modules = import ./modules
      ++ lib.optional s.inheritParentConfig configuration
      ++ [ s.configuration { specialisation = lib.mkOverride 0 { }; } ];
    specialArgs = { inherit pkgs; modulesPath = toString ./modules; };
  }).config;

  describe = f: config: checked config (f {
    inherit lib pkgs config;
    specialisations = lib.mapAttrs (_: describe f) (lib.mapAttrs special config.specialisation);
  });
in
{
  inherit (evaluated) config options;
  inherit pkgs;
  system = describe (import ./toplevel.nix) evaluated.config;
  summary = describe (import ./summary.nix) evaluated.config;
}
