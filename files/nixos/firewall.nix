# The public side: HTTP (for the certificates) and HTTPS. What else is open, is open on the mesh (ssh.nix, hub.nix).
{ ... }:
{
  networking.nftables.enable = true;
  networking.firewall = {
    enable = true;
    allowPing = true;
    allowedTCPPorts = [
      80
      443
    ];
    # Without it nothing that is forwarded is looked at.
    filterForward = true;
    # Every scan of the internet would be a line in the journal.
    logRefusedConnections = false;
  };
}
