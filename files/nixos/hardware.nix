# A virtual machine of Vultr or Hostkey: KVM, BIOS, virtio. The root file system is found by its label, which
# provisioning gives it (e2label); a device's name or UUID would differ from node to node.
{ ... }:
let
  estate = import ../estate.nix;
in
{
  boot.initrd.availableKernelModules = [
    "ahci"
    "sd_mod"
    "virtio_blk"
    "virtio_net"
    "virtio_pci"
    "virtio_scsi"
  ];
  boot.loader.grub = {
    enable = true;
    device = estate.disk;
  };
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
    options = [ "noatime" ];
  };
  # The provider gives the public address; the mesh's is in wireguard-*.nix.
  networking.useDHCP = true;
}
