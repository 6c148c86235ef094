# The hub of the mesh. It forwards from operators to sshd of spokes, and their answers; nothing between spokes.
{ lib, ... }:
let
  estate = import ../estate.nix;
  addresses = peers: "{ ${lib.concatStringsSep ", " (map (peer: peer.address) peers)} }";
  inside = ''iifname "${estate.interface}" oifname "${estate.interface}"'';
  forwards = estate.operators != [ ] && estate.spokes != [ ];

  spoke =
    peer:
    {
      inherit (peer) name publicKey;
      allowedIPs = [ "${peer.address}/32" ];
    }
    // lib.optionalAttrs estate.presharedKeys {
      presharedKeyFile = "/etc/wireguard/psk/${peer.name}";
    };
  # The key that a spoke is moving to. Without addresses it can shake hands, which shows that the spoke has it, and
  # takes nothing from the old one: of two peers with one address only the last would have it.
  following = peer: {
    name = "${peer.name}-next";
    publicKey = peer.nextKey;
    allowedIPs = [ ];
  };
  operator = peer: {
    inherit (peer) name publicKey;
    allowedIPs = [ "${peer.address}/32" ];
  };
in
{
  networking.wireguard.interfaces.${estate.interface} = {
    ips = [ "${estate.address}/${estate.prefix}" ];
    generatePrivateKeyFile = true;
    listenPort = estate.port;
    privateKeyFile = "/etc/wireguard/private.key";
    peers =
      map spoke (lib.filter (peer: peer.publicKey != "") estate.spokes)
      ++ map following (lib.filter (peer: peer.nextKey != "") estate.spokes)
      ++ map operator estate.operators;
  };

  networking.firewall.allowedUDPPorts = [ estate.port ];
  networking.firewall.extraForwardRules = lib.optionalString forwards ''
    ${inside} ip saddr ${addresses estate.operators} ip daddr ${addresses estate.spokes} tcp dport 22 accept
  '';
  boot.kernel.sysctl = lib.mkIf forwards {
    # NixOS sets the second to false, and both are one switch in the kernel.
    "net.ipv4.ip_forward" = "1";
    "net.ipv4.conf.all.forwarding" = "1";
  };
}
