# Uptime Kuma, for operators on the mesh.
{ lib, ... }:
let
  estate = import ../estate.nix;
in
{
  services.uptime-kuma = {
    enable = true;
    settings = {
      HOST = estate.address;
      PORT = toString estate.ports.kuma;
      # Version 2 asks for its database in the browser otherwise, and answers nothing else until then.
      UPTIME_KUMA_DB_TYPE = "sqlite";
    };
  };
  systemd.services.uptime-kuma = {
    after = [ "wireguard-${estate.interface}.service" ];
    # The module says on-failure; and the mesh's address may come late.
    serviceConfig.Restart = lib.mkForce "always";
    serviceConfig.RestartSec = 5;
    unitConfig.StartLimitIntervalSec = 0;
  };

  networking.firewall.interfaces.${estate.interface}.allowedTCPPorts = [ estate.ports.kuma ];
}
