# The host's name and names of others. A container's address and resolver are its engine's: recorded only.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
in
{
  options.networking = {
    hostName = option (types.strMatching "^$|^[[:alnum:]]([[:alnum:]_-]{0,61}[[:alnum:]])?$") "nixos";
    useDHCP = option types.bool true;
    nameservers = option (types.listOf types.str) [ ];
    extraHosts = option types.lines "";
  };
}
