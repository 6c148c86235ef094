# sshd, which answers on the mesh only. It listens everywhere and the firewall decides: an address that is not there yet
# would make it fail at boot, five times, and then for good (NixOS/nixpkgs#105570).
{ ... }:
let
  estate = import ../estate.nix;
in
{
  services.openssh = {
    enable = true;
    # By default it opens port 22 on every interface, whatever listenAddresses says.
    openFirewall = false;
    authorizedKeysInHomedir = false;
    hostKeys = [
      {
        path = "/etc/ssh/ssh_host_ed25519_key";
        type = "ed25519";
      }
    ];
    settings = {
      AllowAgentForwarding = false;
      AllowTcpForwarding = "local";
      AllowUsers = estate.admins;
      AuthenticationMethods = "publickey";
      ClientAliveCountMax = 2;
      ClientAliveInterval = 60;
      KbdInteractiveAuthentication = false;
      LogLevel = "VERBOSE";
      LoginGraceTime = 30;
      MaxAuthTries = 4;
      PasswordAuthentication = false;
      PermitEmptyPasswords = false;
      PermitRootLogin = "no";
      PermitTunnel = false;
      PermitUserEnvironment = false;
      # ClientAlive notices a dead connection inside the encrypted channel; TCP's own packets can be forged.
      TCPKeepAlive = false;
      X11Forwarding = false;
    }
    // estate.sshAlgorithms;
  };

  networking.firewall.interfaces.${estate.interface}.allowedTCPPorts = [ 22 ];

  # However often it fails, it comes back.
  systemd.services.sshd = {
    serviceConfig.RestartSec = 5;
    unitConfig.StartLimitIntervalSec = 0;
  };
}
