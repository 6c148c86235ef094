# A hub as the edge fleet has it, with every kind of option that the stand-in knows.
{ pkgs, ... }:
{
  system.stateVersion = "26.05";
  boot.initrd.systemd.enable = false;
  boot.loader.grub.device = "/dev/vda";
  boot.kernel.sysctl."net.ipv4.ip_forward" = 1;
  fileSystems."/" = { device = "/dev/vda1"; fsType = "ext4"; options = [ "noatime" ]; };
  swapDevices = [ { device = "/swapfile"; size = 512; } ];
  zramSwap.enable = true;
  time.timeZone = "UTC";
  documentation.enable = false;

  networking = {
    hostName = "zurich";
    extraHosts = "10.84.0.2 tokyo";
    nftables.enable = true;
    firewall = {
      allowedTCPPorts = [ 443 80 ];
      allowedUDPPorts = [ 51820 ];
      interfaces.wg0.allowedTCPPorts = [ 22 8480 ];
      filterForward = true;
      extraForwardRules = ''iifname "wg0" oifname "wg0" ip saddr 10.84.0.240 tcp dport 22 accept'';
    };
    wireguard.interfaces.wg0 = {
      ips = [ "10.84.0.1/24" ];
      listenPort = 51820;
      privateKeyFile = "/etc/wireguard/private.key";
      generatePrivateKeyFile = true;
      peers = [
        { name = "tokyo"; publicKey = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="; allowedIPs = [ "10.84.0.2/32" ]; }
        { publicKey = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="; allowedIPs = [ "10.84.0.3/32" ]; }
      ];
    };
  };
  services.openssh = {
    enable = true;
    openFirewall = false;
    settings = { PasswordAuthentication = false; AllowUsers = [ "mitch" ]; MaxAuthTries = 3; };
  };
  services.journald.extraConfig = "SystemMaxUse=50M";
  services.uptime-kuma = { enable = true; settings.HOST = "10.84.0.1"; };

  users.mutableUsers = false;
  users.users.mitch = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
    openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA mitch" ];
  };
  security.sudo.wheelNeedsPassword = false;

  environment.systemPackages = with pkgs; [ sqlite jq ];
  environment.etc."estate/configuration".text = "digest\n";
  environment.etc."push/bridge.py" = { source = ./hub.nix; mode = "0444"; };
  systemd.tmpfiles.rules = [ "d /var/lib/estate 0755 root root -" ];
  systemd.services.depot = {
    description = "Depot";
    after = [ "network-online.target" ];
    wants = [ "network-online.target" ];
    wantedBy = [ "multi-user.target" ];
    environment.ROOT = "/var/lib/estate/depot";
    serviceConfig = {
      ExecStart = "${pkgs.caddy}/bin/caddy file-server --root /var/lib/estate/depot";
      RestrictAddressFamilies = [ "AF_INET" "AF_UNIX" ];
      DynamicUser = true;
    };
    restartTriggers = [ "digest" ];
  };
  systemd.services.backup = { startAt = "daily"; script = "sqlite3 --version"; path = [ pkgs.sqlite ]; };

  nix.gc = { automatic = true; dates = "weekly"; options = "--delete-older-than 30d"; };
  nix.settings = { experimental-features = [ "nix-command" ]; trusted-public-keys = [ "hub:AAAA" ]; min-free = 1048576; };
  specialisation.breakglass.configuration.networking.firewall.extraInputRules = "ip saddr 192.0.2.1 tcp dport 22 accept";
}
