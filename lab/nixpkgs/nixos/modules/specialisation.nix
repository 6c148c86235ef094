# Variants of the system that are built with it: <system>/specialisation/NAME. One level.
{ lib, ... }:
let inherit (lib) mkOption types; in
{
  options.specialisation = mkOption {
    default = { };
    type = types.attrsOf (types.submodule {
      options.inheritParentConfig = mkOption { type = types.bool; default = true; };
      options.configuration = mkOption { type = types.raw; default = { }; };
    });
  };
}
