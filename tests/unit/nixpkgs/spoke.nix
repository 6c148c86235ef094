# A spoke with what NixOS has by default left as it is: the firewall is on, and sshd opens its port.
{
  imports = [ ./users.nix ];
  system.stateVersion = "26.05";
  networking.hostName = "tokyo";
  services.openssh.enable = true;
  networking.wireguard.interfaces.wg0 = {
    ips = [ "10.84.0.2/24" ];
    privateKeyFile = "/etc/wireguard/private.key";
    peers = [
      {
        name = "zurich";
        publicKey = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
        presharedKeyFile = "/etc/wireguard/zurich.psk";
        allowedIPs = [ "10.84.0.1/32" "10.84.0.240/32" ];
        endpoint = "zurich.example:51820";
        persistentKeepalive = 25;
        dynamicEndpointRefreshSeconds = 60;
      }
    ];
  };
}
