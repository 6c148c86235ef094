#!/bin/sh
# Estate: turns a fresh Debian into NixOS, with the configuration that lies in /etc/nixos, by nixos-infect.
# Run by the controller as root; run again after an interruption it goes on. Exit codes: 0 done (the machine restarts),
# 1 failed, 3 refused, and nothing was changed.
#
# nixos-infect is fetched at a pinned commit and run only when its digest is the expected one, so is Nix's installer.
# What is known to go wrong with it, and what is done here about it (facts/edge-fleet.md, 2):
#   - it keeps 1 GB of swap in /tmp, which Debian 13 has in memory (elitak/nixos-infect#245): swap of our own, NO_SWAP=y
#   - on a machine without UEFI it forgets to say where /boot is and stops (elitak/nixos-infect#255): bootFs=/boot
#   - the initrd of NixOS 26.05 (systemd) cannot move the old system away (NixOS/nixpkgs#357878): the configuration has to
#     turn it off, or the machine would not start
#   - only /etc/nixos, SSH host keys and resolv.conf stay; all else goes to /old-root: WireGuard's key is made afterwards
#   - lost with the SSH connection: it runs as a unit of systemd's, and restarts the machine after all was looked at
set -eu

: "${root=}" "${work=/var/lib/estate-first-boot}" "${commit:?}" "${digest:?}" "${nix_url:?}" "${nix_digest:?}"
: "${channel:?}" "${memory_mb:?}" "${disk_mb:?}" "${swap_mb:?}" "${root_label=}" "${boot_device=}" "${firmware=bios}"
PATH=$PATH:/usr/sbin:/sbin
unit=estate-first-boot
lustrate=$root/etc/NIXOS_LUSTRATE
dir=$root$work

say() { printf 'first boot: %s\n' "$*"; }
fail() {
    printf 'first boot: %s\n' "$*" >&2
    exit 1
}
refuse() {
    printf 'first boot: refused: %s\n' "$*" >&2
    exit 3
}

of_release() { sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$root/etc/os-release"; }

restart() {
    say 'converted; it restarts as NixOS in 3 s, with the same SSH host keys; what was, lies in /old-root then'
    systemd-run --quiet --collect --on-active=3 systemctl reboot
    exit 0
}

check_machine() {
    [ "$(id -u)" = 0 ] || refuse 'it wants to be root'
    [ "$(of_release ID)" = debian ] || refuse "this is $(of_release PRETTY_NAME), only a fresh Debian is converted"
    case $(of_release VERSION_ID) in
    12 | 13) ;;
    *) refuse "this is $(of_release PRETTY_NAME), only Debian 12 and 13 are known to work" ;;
    esac
    [ "$(uname -m)" = x86_64 ] || refuse "the machine is $(uname -m), the fleet is x86_64"
    [ "$firmware" = any ] || [ ! -d "$root/sys/firmware/efi" ] ||
        refuse 'it started by UEFI, the configuration installs GRUB for a BIOS'
    memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' "$root/proc/meminfo")
    [ "$memory" -ge "$memory_mb" ] ||
        refuse "$memory MB of memory are too little to evaluate NixOS ($memory_mb MB): make it from an image (estate edge image)"
}

check_fresh() {
    for path in var/lib/clavitor var/lib/docker var/lib/postgresql var/lib/mysql; do
        [ ! -e "$root/$path" ] || refuse "it has a /$path: not a fresh Debian; whatever it holds would be gone"
    done
    people=$(awk -F: '$3 >= 1000 && $3 < 60000 { print $1 }' "$root/etc/passwd" | tr '\n' ' ')
    for name in $people; do
        case $name in
        debian | linuxuser) ;; # what providers' images come with
        *) refuse "it has a user $name: not a fresh Debian; what is in /home would be gone" ;;
        esac
    done
}

check_configuration() {
    [ -s "$root/etc/nixos/configuration.nix" ] || refuse '/etc/nixos/configuration.nix is missing: bring the configuration first'
    grep -rqE 'systemd\.enable *= *(lib\.mkForce +)?false' "$root/etc/nixos" ||
        refuse 'the configuration leaves boot.initrd.systemd.enable on: the machine would not start'
    grep -rqE '(sk-)?ssh-ed25519' "$root/etc/nixos" || refuse 'the configuration holds no SSH key: nobody could log in'
    [ -z "$boot_device" ] || [ -e "$root$boot_device" ] || refuse "there is no $boot_device to install GRUB on"
    [ -n "$root_label" ] || return 0
    type=$(findmnt -no FSTYPE /)
    [ "$type" = ext4 ] || refuse "/ is $type, the configuration says ext4: the machine would not start"
}

check_disk() {
    free=$(df -Pm "${root:-/}" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$disk_mb" ] || refuse "$free MB are free on /, it takes $disk_mb MB"
}

tools() {
    missing=
    for tool in curl xz bzip2; do
        command -v "$tool" > /dev/null || missing="$missing $tool"
    done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    # A machine that has just started may be updating itself
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install --no-install-recommends \
        ca-certificates curl xz-utils bzip2 > /dev/null
}

fetch() { # URL, digest, file
    if [ -f "$3" ] && printf '%s  %s\n' "$2" "$3" | sha256sum --check --status; then
        return 0
    fi
    rm -f "$3" "$3.new"
    curl --fail --silent --show-error --location --proto '=https' --retry 3 --max-time 120 --output "$3.new" "$1" ||
        fail "$1 cannot be fetched"
    if ! printf '%s  %s\n' "$2" "$3.new" | sha256sum --check --status; then
        got=$(sha256sum "$3.new" | cut -d ' ' -f 1)
        rm -f "$3.new"
        refuse "$1 has the digest $got, expected is $2"
    fi
    mv "$3.new" "$3"
}

swap() {
    [ "$swap_mb" != 0 ] || return 0
    file=$dir/swap
    swapon --show=NAME --noheadings --raw | grep -qxF "$file" && return 0
    say "$swap_mb MB of swap in $file"
    rm -f "$file"
    (umask 077 && dd if=/dev/zero of="$file" bs=1M count="$swap_mb" status=none)
    mkswap "$file" > /dev/null
    swapon "$file"
}

# The configuration finds / by its label, as a device's name and UUID differ from node to node
label() {
    [ -n "$root_label" ] || return 0
    source=$(findmnt -no SOURCE /)
    [ "$(e2label "$source")" = "$root_label" ] || e2label "$source" "$root_label"
    [ "$(e2label "$source")" = "$root_label" ] || fail "$source could not be given the label $root_label"
}

convert() {
    # A half of an earlier run: nixos-infect writes the list anew, and wants a /boot to move away
    rm -f "$lustrate" "$root/etc/NIXOS"
    mkdir -p "$root/boot" "$dir/tmp"
    say "converting, which takes about ten minutes; its log is $dir/log"
    # shellcheck disable=SC2016 # $0 and $1 are the inner shell's
    systemd-run --quiet --collect --wait --unit="$unit" \
        --setenv=bootFs=/boot --setenv=NO_SWAP=y --setenv=NO_REBOOT=y --setenv=NIX_CHANNEL="$channel" \
        --setenv=NIX_INSTALL_URL="file://$dir/nix-install" --setenv=TMPDIR="$dir/tmp" \
        bash -c 'exec bash "$0" < /dev/null > "$1" 2>&1' "$dir/nixos-infect" "$dir/log" || {
        tail -n 20 "$dir/log" >&2 || true
        fail "nixos-infect failed; its log is $dir/log"
    }
}

check_converted() {
    system=$root/nix/var/nix/profiles/system
    [ -e "$system" ] || [ -L "$system" ] || fail "there is no system in Nix's store; not restarted; the log is $dir/log"
    # A script with the one initrd, systemd itself with the other (nixpkgs, nixos/modules/system/activation/top-level.nix)
    [ ! -e "$system/init" ] || [ "$(head -c 2 "$system/init")" = '#!' ] ||
        fail 'the system that was built has the initrd that would not start; does configuration.nix import first-boot.nix?'
    grep -qx 'etc/nixos' "$lustrate" || fail "nixos-infect did not get to its end; not restarted; the log is $dir/log"
    grep -q 'NixOS' "$root/boot/grub/grub.cfg" || fail "GRUB's menu has no NixOS; not restarted; the log is $dir/log"
}

main() {
    if [ "$(of_release ID)" = nixos ]; then
        say 'this is NixOS already, nothing to do'
        exit 0
    fi
    [ "$(id -u)" = 0 ] || refuse 'it wants to be root'
    if systemctl is-active --quiet "$unit"; then
        refuse "it is under way already; its log is $dir/log"
    fi
    if [ -e "$dir/done" ]; then
        restart
    fi
    check_machine
    check_fresh
    check_configuration
    [ -e "$dir/swap" ] || check_disk
    mkdir -p "$dir"
    chmod 700 "$dir"
    if command -v cloud-init > /dev/null; then
        cloud-init status --wait > /dev/null || true
    fi
    tools
    fetch "https://raw.githubusercontent.com/elitak/nixos-infect/$commit/nixos-infect" "$digest" "$dir/nixos-infect"
    fetch "$nix_url" "$nix_digest" "$dir/nix-install"
    swap
    label
    convert
    check_converted
    # Otherwise it would lie in /old-root; a machine that cannot spare it keeps it until then
    [ ! -e "$dir/swap" ] || { swapoff "$dir/swap" && rm -f "$dir/swap"; }
    : > "$dir/done"
    restart
}

# Nothing that it calls may read what is left of the script
main < /dev/null
