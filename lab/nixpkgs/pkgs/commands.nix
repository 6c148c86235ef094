# The commands of each package, by where Debian keeps them: /usr/bin and /usr/sbin. In nixpkgs both are in bin.
# A package's list may name more than a host has; a command in no list is no part of a package.
{
  age = {
    bin = "age age-keygen";
  };
  bash = {
    bin = "bash rbash sh";
  };
  bzip2 = {
    bin = "bunzip2 bzcat bzcmp bzdiff bzegrep bzexe bzfgrep bzgrep bzip2 bzip2recover bzless bzmore";
  };
  caddy = {
    bin = "caddy";
  };
  coreutils = {
    bin = ''
      [ arch b2sum base32 base64 basename basenc cat chcon chgrp chmod chown cksum comm cp csplit cut date dd df dir
      dircolors dirname du echo env expand expr factor false fmt fold groups head hostid id install join link ln
      logname ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste pathchk pinky pr printenv
      printf ptx pwd readlink realpath rm rmdir runcon seq sha1sum sha224sum sha256sum sha384sum sha512sum shred
      shuf sleep sort split stat stdbuf stty sum sync tac tail tee test timeout touch tr true truncate tsort tty
      uname unexpand uniq unlink users vdir wc who whoami yes
    '';
    sbin = "chroot";
  };
  curl = {
    bin = "curl";
  };
  diffutils = {
    bin = "cmp diff diff3 sdiff";
  };
  findutils = {
    bin = "find xargs";
  };
  gawk = {
    bin = "awk";
  };
  getent = {
    bin = "getent";
  };
  gnugrep = {
    bin = "egrep fgrep grep rgrep";
  };
  gnused = {
    bin = "sed";
  };
  gnutar = {
    bin = "tar";
  };
  gzip = {
    bin = "gunzip gzexe gzip uncompress zcat zcmp zdiff zegrep zfgrep zforce zgrep zless zmore znew";
  };
  hostname = {
    bin = "dnsdomainname domainname hostname nisdomainname ypdomainname";
  };
  iproute2 = {
    bin = "ctstat ip lnstat nstat rdma routel rtstat ss";
    sbin = "arpd bridge dcb devlink genl rtacct rtmon tc tipc vdpa";
  };
  iputils = {
    bin = "ping";
  };
  jq = {
    bin = "jq";
  };
  less = {
    bin = "less lessecho lesskey lesspipe";
  };
  ncurses = {
    bin = "clear reset tput tset";
  };
  nftables = {
    sbin = "nft";
  };
  nix = {
    bin = ''
      nix nix-build nix-channel nix-collect-garbage nix-copy-closure nix-daemon nix-env nix-hash nix-instantiate
      nix-prefetch-url nix-shell nix-store
    '';
  };
  openssh = {
    bin = "scp sftp slogin ssh ssh-add ssh-agent ssh-copy-id ssh-keygen ssh-keyscan";
    sbin = "sshd";
  };
  procps = {
    bin = "free kill pgrep pidwait pkill pmap ps pwdx skill slabtop snice tload top uptime vmstat w watch";
    sbin = "sysctl";
  };
  python3 = {
    bin = "python3";
  };
  rclone = {
    bin = "rclone";
  };
  shadow = {
    bin = "chage chfn chsh expiry faillog gpasswd lastlog login newgrp passwd sg";
    sbin = ''
      chgpasswd chpasswd groupadd groupdel groupmems groupmod grpck grpconv grpunconv newusers nologin pwck pwconv
      pwunconv useradd userdel usermod vigr vipw
    '';
  };
  sqlite = {
    bin = "sqlite3";
  };
  systemd = {
    bin = ''
      busctl hostnamectl journalctl kernel-install localectl loginctl networkctl run0 systemctl systemd-analyze
      systemd-ask-password systemd-cat systemd-cgls systemd-cgtop systemd-creds systemd-cryptenroll systemd-delta
      systemd-detect-virt systemd-escape systemd-firstboot systemd-id128 systemd-inhibit systemd-machine-id-setup
      systemd-mount systemd-notify systemd-path systemd-repart systemd-run systemd-socket-activate
      systemd-stdio-bridge systemd-sysext systemd-sysusers systemd-tmpfiles systemd-tty-ask-password-agent
      systemd-umount timedatectl
    '';
    sbin = "halt init poweroff reboot shutdown";
  };
  util-linux = {
    bin = ''
      addpart choom chrt delpart dmesg fallocate findmnt flock getopt hardlink ionice ipcmk ipcrm ipcs last lastb
      logger lsblk lscpu lsipc lslocks lslogins lsmem lsns mcookie mesg more mount mountpoint namei nsenter partx
      prlimit renice resizepart rev script scriptlive scriptreplay setarch setpriv setsid setterm su taskset
      uclampset umount unshare utmpdump wall wdctl whereis
    '';
    sbin = ''
      agetty blkdiscard blkid blkzone blockdev chcpu chmem ctrlaltdel findfs fsck fsck.cramfs fsck.minix fsfreeze
      fstrim isosize ldattach losetup mkfs mkfs.bfs mkfs.cramfs mkfs.minix mkswap pivot_root readprofile rtcwake
      runuser sulogin swaplabel swapoff swapon switch_root wipefs zramctl
    '';
  };
  which = {
    bin = "which";
  };
  wireguard-go = {
    bin = "wireguard-go";
  };
  wireguard-tools = {
    bin = "wg wg-quick";
  };
  xz = {
    bin = "lzmainfo unxz xz xzcat xzcmp xzdiff xzegrep xzfgrep xzgrep xzless xzmore";
  };
}
