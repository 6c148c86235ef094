# The way in when the hub is gone, off until it is switched on at the provider's console:
#   /run/current-system/specialisation/breakglass/bin/switch-to-configuration test
# A reboot takes it back. Only these keys, from these networks: sshd compares addresses, never names that somebody's DNS
# could change.
{ lib, ... }:
let
  estate = import ../estate.nix;
  glass = estate.breakGlass;
in
{
  specialisation.breakglass.configuration = {
    environment.etc."estate/breakglass".text = "on\n";
    networking.firewall.extraInputRules = ''
      ip saddr { ${lib.concatStringsSep ", " glass.sources} } tcp dport 22 accept
    '';
    users.users = lib.genAttrs estate.admins (_: {
      openssh.authorizedKeys.keys = map (
        key: ''from="${lib.concatStringsSep "," glass.sources}" ${key}''
      ) glass.keys;
    });
  };
}
