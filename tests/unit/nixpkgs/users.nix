{
  users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA root" ];
}
