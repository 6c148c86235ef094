# All modules of the stand-in.
[
  ./base.nix
  ./environment.nix
  ./firewall.nix
  ./networking.nix
  ./nix.nix
  ./specialisation.nix
  ./ssh.nix
  ./systemd.nix
  ./uptime-kuma.nix
  ./users.nix
  ./wireguard.nix
]
