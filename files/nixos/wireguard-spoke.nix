# A spoke of the mesh: it calls the hub, and takes packets from the hub and from operators, nobody else. So a node that
# is taken over reaches no other.
{ lib, ... }:
let
  estate = import ../estate.nix;
in
{
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
        # The kernel resolves a name once; this asks again, and returns to the endpoint after the hub has moved.
        dynamicEndpointRefreshSeconds = 60;
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
