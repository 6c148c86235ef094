# WireGuard as NixOS' scripted backend has it: a unit an interface and a unit a peer, so that a peer
# comes and goes without the interface. Where the kernel has no WireGuard, wireguard-go stands in for it.
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  needed = type: mkOption { inherit type; };

  # What the unit is called after: the name, else the key with what systemd does not take escaped.
  unitName = peer: builtins.replaceStrings [ "/" "+" "=" " " ] [ "-" "\\x2b" "\\x3d" "\\x20" ] peer.name;
  peer = types.submodule ({ config, ... }: {
    options = {
      name = option types.str config.publicKey;
      publicKey = needed types.singleLineStr;
      presharedKeyFile = option (types.nullOr types.str) null;
      allowedIPs = needed (types.listOf types.str);
      endpoint = option (types.nullOr types.str) null;
      persistentKeepalive = option (types.nullOr types.int) null;
      dynamicEndpointRefreshSeconds = option types.int 0;
    };
  });
  interface = types.submodule {
    options = {
      ips = option (types.listOf types.str) [ ];
      listenPort = option (types.nullOr types.int) null;
      mtu = option (types.nullOr types.int) null;
      privateKeyFile = option (types.nullOr types.str) null;
      generatePrivateKeyFile = option types.bool false;
      peers = option (types.listOf peer) [ ];
    };
  };
  tools = with pkgs; [ iproute2 wireguard-tools wireguard-go ];
  quote = lib.escapeShellArg;
  oneshot = { Type = "oneshot"; RemainAfterExit = true; };

  keyUnit = name: wg: lib.nameValuePair "wireguard-${name}-key" {
    description = "WireGuard Tunnel - ${name} - Key Generator";
    wantedBy = [ "wireguard-${name}.service" ];
    before = [ "wireguard-${name}.service" ];
    path = tools;
    serviceConfig = oneshot;
    script = ''
      umask 077
      mkdir -p "$(dirname ${quote wg.privateKeyFile})"
      if [ ! -f ${quote wg.privateKeyFile} ]; then
        wg genkey >${quote wg.privateKeyFile}.new
        mv ${quote wg.privateKeyFile}.new ${quote wg.privateKeyFile}
      fi
    '';
  };
  interfaceUnit = name: wg: lib.nameValuePair "wireguard-${name}" {
    description = "WireGuard Tunnel - ${name}";
    after = [ "network-pre.target" ] ++ lib.optional wg.generatePrivateKeyFile "wireguard-${name}-key.service";
    before = [ "network.target" ];
    wants = [ "network.target" ];
    requires = lib.optional wg.generatePrivateKeyFile "wireguard-${name}-key.service";
    wantedBy = [ "multi-user.target" ];
    path = tools;
    serviceConfig = oneshot;
    script = ''
      ip link del dev ${name} 2>/dev/null || true
      ip link add dev ${name} type wireguard 2>/dev/null || wireguard-go ${name}
      wg set ${name} private-key ${quote (toString wg.privateKeyFile)}${lib.optionalString (wg.listenPort != null) " listen-port ${toString wg.listenPort}"}
    '' + lib.concatMapStrings (ip: "ip address add ${ip} dev ${name}\n") wg.ips
    + lib.optionalString (wg.mtu != null) "ip link set mtu ${toString wg.mtu} dev ${name}\n"
    + "ip link set up dev ${name}\n";
    postStop = "ip link del dev ${name} || true\n";
  };
  set = name: p: "wg set ${name} peer ${quote p.publicKey}"
    + lib.optionalString (p.presharedKeyFile != null) " preshared-key ${quote p.presharedKeyFile}"
    + lib.optionalString (p.endpoint != null) " endpoint ${quote p.endpoint}"
    + lib.optionalString (p.persistentKeepalive != null) " persistent-keepalive ${toString p.persistentKeepalive}"
    + " allowed-ips ${quote (lib.concatStringsSep "," p.allowedIPs)}";
  # A peer whose endpoint is resolved again and again is a process; any other is set once.
  refreshed = p: p.dynamicEndpointRefreshSeconds != 0;
  again = p: {
    Type = "simple";
    Restart = "always";
    RestartSec = p.dynamicEndpointRefreshSeconds;
  };
  peerUnit = name: p: lib.nameValuePair "wireguard-${name}-peer-${unitName p}${lib.optionalString (refreshed p) "-refresh"}" {
    description = "WireGuard Peer - ${name} - ${p.name}";
    requires = [ "wireguard-${name}.service" ];
    after = [ "wireguard-${name}.service" "network-online.target" ];
    wants = [ "network-online.target" ];
    wantedBy = [ "multi-user.target" "wireguard-${name}.service" ];
    path = tools;
    environment.WG_ENDPOINT_RESOLUTION_RETRIES = "infinity";
    unitConfig = lib.optionalAttrs (refreshed p) { StartLimitIntervalSec = 0; };
    serviceConfig = if refreshed p then again p else oneshot;
    script = "${set name p}\n"
      + lib.concatMapStrings (ip: "ip route replace ${ip} dev ${name} table main\n") p.allowedIPs
      + lib.optionalString (refreshed p)
        "while sleep ${toString p.dynamicEndpointRefreshSeconds}; do ${set name p}; done\n";
    postStop = "wg set ${name} peer ${quote p.publicKey} remove || true\n"
      + lib.concatMapStrings (ip: "ip route delete ${ip} dev ${name} table main || true\n") p.allowedIPs;
  };
  units = name: wg:
    [ (interfaceUnit name wg) ]
    ++ lib.optional wg.generatePrivateKeyFile (keyUnit name wg)
    ++ map (peerUnit name) wg.peers;
  interfaces = config.networking.wireguard.interfaces;
in
{
  options.networking.wireguard.interfaces = option (types.attrsOf interface) { };

  config = lib.mkIf (interfaces != { }) {
    environment.systemPackages = [ pkgs.wireguard-tools ];
    systemd.services = lib.listToAttrs (lib.concatLists (lib.mapAttrsToList units interfaces));
    assertions = lib.concatLists (lib.mapAttrsToList
      (name: wg: [
        {
          assertion = wg.privateKeyFile != null;
          message = "Either networking.wireguard.interfaces.${name}.privateKey or networking.wireguard.interfaces.${name}.privateKeyFile must be set.";
        }
        {
          assertion = let keys = map (p: p.publicKey) wg.peers; in lib.unique keys == keys;
          message = "networking.wireguard.interfaces.${name}.peers: a public key is there twice.";
        }
      ])
      interfaces);
  };
}
