# Estate: what makes zurich itself; the modules read it. Written by estate: change group_data/edge.py instead.
{
  node = "zurich";
  release = "26.05";
  nixpkgs = "channel:nixos-26.05";
  generations = 3;
  disk = "/dev/vda";
  journal = "200M";
  timeServers = [ ];
  sysctl = {
    "dev.tty.ldisc_autoload" = "0";
    "fs.protected_fifos" = "2";
    "fs.protected_hardlinks" = "1";
    "fs.protected_regular" = "2";
    "fs.protected_symlinks" = "1";
    "fs.suid_dumpable" = "0";
    "kernel.core_uses_pid" = "1";
    "kernel.dmesg_restrict" = "1";
    "kernel.kptr_restrict" = "2";
    "kernel.randomize_va_space" = "2";
    "kernel.unprivileged_bpf_disabled" = "1";
    "net.core.bpf_jit_harden" = "2";
    "net.ipv4.conf.all.accept_redirects" = "0";
    "net.ipv4.conf.all.accept_source_route" = "0";
    "net.ipv4.conf.all.log_martians" = "1";
    "net.ipv4.conf.all.send_redirects" = "0";
    "net.ipv4.conf.default.accept_redirects" = "0";
    "net.ipv4.conf.default.accept_source_route" = "0";
    "net.ipv4.conf.default.log_martians" = "1";
    "net.ipv4.conf.default.send_redirects" = "0";
    "net.ipv4.icmp_echo_ignore_broadcasts" = "1";
    "net.ipv4.icmp_ignore_bogus_error_responses" = "1";
    "net.ipv4.tcp_syncookies" = "1";
    "net.ipv6.conf.all.accept_redirects" = "0";
    "net.ipv6.conf.all.accept_source_route" = "0";
    "net.ipv6.conf.default.accept_redirects" = "0";
    "net.ipv6.conf.default.accept_source_route" = "0";
  };
  cacheKeys = [ ];
  admins = [ "mitch" ];
  adminKeys = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGO6YLKVSPIKIcnZru1Sz8yXV34/HMzaSJlN/v5Y+GMK replace-me@estate"
  ];
  recipients = [ "age16tfuua6zqv8cxrt59gdpt3wrkwucdzap8jgvz2wqckwq7u7w4y4q2jd042" ];
  sshAlgorithms = {
    KexAlgorithms = [
      "sntrup761x25519-sha512@openssh.com"
      "curve25519-sha256"
      "curve25519-sha256@libssh.org"
      "diffie-hellman-group16-sha512"
    ];
    Ciphers = [
      "aes256-gcm@openssh.com"
      "aes128-gcm@openssh.com"
      "aes256-ctr"
      "aes192-ctr"
      "aes128-ctr"
    ];
    Macs = [
      "hmac-sha2-512-etm@openssh.com"
      "hmac-sha2-256-etm@openssh.com"
      "umac-128-etm@openssh.com"
    ];
    HostKeyAlgorithms = "ssh-ed25519,rsa-sha2-512,rsa-sha2-256";
    PubkeyAcceptedAlgorithms = "ssh-ed25519,sk-ssh-ed25519@openssh.com";
  };
  clavitor = {
    environment = {
      CLAVITOR_ACME_EMAIL = "ops@clavitor.com";
      CLAVITOR_DOMAIN = "zurich.clavitor.com";
      CLAVITOR_NODE = "zurich";
      CLAVITOR_PUSH_INTERVAL = "30";
      CLAVITOR_PUSH_URL = "http://10.84.0.1:8490/push/zurich";
    };
    memoryMax = "";
  };
  backupUrl = "http://10.84.0.1:8490/backup/zurich";
  breakGlass = {
    keys = [ ];
    sources = [ ];
  };
  interface = "wg0";
  address = "10.84.0.1";
  prefix = "24";
  presharedKeys = false;
  operators = [ ];
  port = 51820;
  spokes = [
    {
      name = "tokyo";
      address = "10.84.0.2";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "newjersey";
      address = "10.84.0.3";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "siliconvalley";
      address = "10.84.0.4";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "dallas";
      address = "10.84.0.5";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "london";
      address = "10.84.0.6";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "frankfurt";
      address = "10.84.0.7";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "warsaw";
      address = "10.84.0.8";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "seoul";
      address = "10.84.0.9";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "mumbai";
      address = "10.84.0.10";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "saopaulo";
      address = "10.84.0.11";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "sydney";
      address = "10.84.0.12";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "johannesburg";
      address = "10.84.0.13";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "telaviv";
      address = "10.84.0.14";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "amsterdam";
      address = "10.84.0.15";
      publicKey = "";
      nextKey = "";
    }
    {
      name = "dubai";
      address = "10.84.0.16";
      publicKey = "";
      nextKey = "";
    }
  ];
  ports = {
    bridge = 8490;
    depot = 8480;
    kuma = 3001;
  };
  offsite = "ClavitorVaults/vaults";
  bridge = {
    config = {
      nodes = [
        "zurich"
        "tokyo"
        "newjersey"
        "siliconvalley"
        "dallas"
        "london"
        "frankfurt"
        "warsaw"
        "seoul"
        "mumbai"
        "saopaulo"
        "sydney"
        "johannesburg"
        "telaviv"
        "amsterdam"
        "dubai"
      ];
      listen = "10.84.0.1";
      port = 8490;
      kuma = "http://10.84.0.1:3001";
      cert_days = 14;
      disk_percent = 85;
      error_percent = 5.0;
      silent_after = 60;
    };
    files = [
      "__init__.py"
      "__main__.py"
      "backups.py"
      "bridge.py"
      "config.py"
      "forwarder.py"
      "refused.py"
      "report.py"
      "store.py"
      "web.py"
    ];
  };
}
