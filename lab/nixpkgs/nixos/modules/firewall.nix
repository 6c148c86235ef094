# The firewall: one nftables table for IPv4 and IPv6, as NixOS' nftables backend makes it. No other
# table is touched. Reverse paths are checked by sysctl (IPv4 only), and nothing is logged.
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkOption types optionalString;
  option = type: default: mkOption { inherit type default; };
  ports = option (types.listOf types.port) [ ];
  cfg = config.networking.firewall;
  nft = config.networking.nftables.enable;

  list = lib.concatMapStringsSep ", " toString;
  open = from: protocol: numbers:
    let sorted = lib.sort (a: b: a < b) (lib.unique numbers); in
    optionalString (numbers != [ ]) "${from}${protocol} dport { ${list sorted} } accept\n";
  opened = from: where: open from "tcp" where.allowedTCPPorts + open from "udp" where.allowedUDPPorts;
  indent = space: text:
    lib.concatMapStrings (line: optionalString (line != "") "${space}${line}\n") (lib.splitString "\n" text);
  block = head: body: "${head} {\n${indent "  " body}}\n";
  hook = where: allowed: block "chain ${where}" (''
    type filter hook ${where} priority filter; policy drop;
  '' + optionalString (where == "input") ''
    iifname "lo" accept comment "trusted interfaces"
  '' + ''
    ct state vmap { invalid : drop, established : accept, related : accept, new : jump ${where}-allow, untracked : jump ${where}-allow }
  '') + block "chain ${where}-allow" allowed;

  input = opened "" cfg
    + lib.concatStrings (lib.mapAttrsToList (name: opened "iifname \"${name}\" ") cfg.interfaces)
    + optionalString cfg.allowPing "icmp type echo-request accept comment \"allow ping\"\n"
    + ''
      icmpv6 type != { nd-redirect, 139 } accept comment "all but redirects and node information queries, RFC 4890"
      ip6 daddr fe80::/64 udp dport 546 accept comment "DHCPv6 client"
    '' + cfg.extraInputRules;
  forward = ''
    icmpv6 type != { router-renumbering, 139 } accept comment "all but renumbering and node information queries, RFC 4890"
    ct status dnat accept comment "allow port forward"
  '' + cfg.extraForwardRules;

  ruleset = "table inet nixos-fw\ndelete table inet nixos-fw\n"
    + block "table inet nixos-fw" (hook "input" input + optionalString cfg.filterForward (hook "forward" forward));

  file = "/etc/${config.system.build.firewallFile}";
  reverse = if cfg.checkReversePath == "loose" then 2 else if cfg.checkReversePath == false then 0 else 1;
in
{
  options.networking = {
    nftables.enable = option types.bool false;
    firewall = {
      enable = option types.bool true;
      allowedTCPPorts = ports;
      allowedUDPPorts = ports;
      interfaces = option
        (types.attrsOf (types.submodule { options = { allowedTCPPorts = ports; allowedUDPPorts = ports; }; }))
        { };
      checkReversePath = option (types.either types.bool (types.enum [ "strict" "loose" ])) true;
      logRefusedConnections = option types.bool true;
      allowPing = option types.bool true;
      filterForward = option types.bool false;
      extraForwardRules = option types.lines "";
      extraInputRules = option types.lines "";
    };
  };

  config = lib.mkMerge [
    { system.build.firewallFile = "nftables/nixos-fw.nft"; }
    (lib.mkIf nft { environment.systemPackages = [ pkgs.nftables ]; })
    (lib.mkIf cfg.enable {
      assertions = [
        {
          assertion = cfg.filterForward -> nft;
          message = "filterForward only works with the nftables based firewall";
        }
        {
          assertion = (cfg.extraForwardRules != "" -> cfg.filterForward) && (cfg.extraInputRules != "" -> nft);
          message = "extraInputRules needs networking.nftables.enable, extraForwardRules needs filterForward as well";
        }
      ];
      system.build.ruleset = ruleset;
      environment.etc.${config.system.build.firewallFile}.text = ruleset;
      boot.kernel.sysctl = {
        "net.ipv4.conf.all.rp_filter" = lib.mkDefault reverse;
        "net.ipv4.conf.default.rp_filter" = lib.mkDefault reverse;
      };
      systemd.services.${if nft then "nftables" else "firewall"} = {
        description = if nft then "nftables firewall" else "Firewall";
        before = [ "network-pre.target" ];
        wants = [ "network-pre.target" ];
        wantedBy = [ "sysinit.target" ];
        unitConfig.DefaultDependencies = false;
        restartTriggers = [ ruleset ];
        reloadIfChanged = true;
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${pkgs.nftables}/sbin/nft -f ${file}";
          ExecReload = "${pkgs.nftables}/sbin/nft -f ${file}";
          ExecStop = "${pkgs.nftables}/sbin/nft delete table inet nixos-fw";
        };
      };
    })
  ];
}
