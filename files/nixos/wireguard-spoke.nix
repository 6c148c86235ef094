# A spoke of the mesh: it calls the hub, and takes packets from the hub and from operators, nobody else. So a node that
# is taken over reaches no other.
{ lib, ... }:
let
  estate = import ../estate.nix;
in
{
  # Whatever else runs on the machine may have switched it on.
  boot.kernel.sysctl = {
    "net.ipv4.ip_forward" = "0";
    "net.ipv4.conf.all.forwarding" = "0";
  };

  networking.wireguard.interfaces.${estate.interface} = {
    # The whole network, so that a packet for it never leaves by the public side.
    ips = [ "${estate.address}/${estate.prefix}" ];
    generatePrivateKeyFile = true;
    privateKeyFile = "/etc/wireguard/private.key";
    # None before the hub's key is known: at the first boot of the fleet.
    peers = lib.optional (estate.hub.publicKey != "") (
      {
        inherit (estate.hub) name publicKey;
        allowedIPs = map (peer: "${peer.address}/32") ([ estate.hub ] ++ estate.operators);
        # The kernel resolves a name once; above 0 it is asked again, so that the hub may move. An address is better:
        # while a name cannot be resolved, NixOS takes the peer away.
        dynamicEndpointRefreshSeconds = estate.hub.refresh;
        endpoint = estate.hub.endpoint;
        # The hub cannot call: this keeps the way open that its packets come back on.
        persistentKeepalive = estate.keepalive;
      }
      // lib.optionalAttrs estate.presharedKeys {
        presharedKeyFile = "/etc/wireguard/psk/${estate.hub.name}";
      }
    );
  };
}
