"""The script that turns Debian into NixOS, run for real against a machine made of files and commands that only note.

nixos-infect is a stand-in: what it is called with, and what is made of what it leaves, is what is tested.
"""

import hashlib
import os
import re
import shutil
import subprocess

import pytest
from small_fleet import KEY, mesh

from estate.edge.provision import SMALLEST_FOR_INFECT
from estate.models.edge import FirstBoot
from estate.render import first_boot

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
CONFIGURATION = f'{{ boot.initrd.systemd.enable = false; users.users.root.keys = [ "{KEY}" ]; }}\n'
INFECT = """\
env | grep -E '^(bootFs|NO_SWAP|NO_REBOOT|NIX_CHANNEL|NIX_INSTALL_URL|TMPDIR)=' | sort > "$FAKE/environment"
echo infecting
[ ! -e "$FAKE/infect_fails" ] || exit 7
system=$FAKE/root/nix/var/nix/profiles/system
mkdir -p "$system-1-link" "$FAKE/root/boot/grub"
ln -sfn system-1-link "$system"
if [ -e "$FAKE/systemd_initrd" ]; then printf '\\177ELF' > "$system/init"; else echo '#! /bin/sh' > "$system/init"; fi
[ -e "$FAKE/no_grub" ] || echo 'menuentry "NixOS"' > "$FAKE/root/boot/grub/grub.cfg"
[ -e "$FAKE/no_list" ] || echo etc/nixos >> "$FAKE/root/etc/NIXOS_LUSTRATE"
"""
FAKES = {
    "id": "echo 0",
    "uname": "echo x86_64",
    "findmnt": 'case $2 in SOURCE) echo /dev/vda1 ;; *) cat "$FAKE/type" ;; esac',
    "e2label": '[ -z "$2" ] || echo "$2" > "$FAKE/label"; cat "$FAKE/label"',
    "df": 'printf "Filesystem 1M-blocks Used Available\\n/dev/vda1 25000 1000 20000 5%% /\\n"',
    "systemctl": '[ "$1" != is-active ] || [ -e "$FAKE/under_way" ]',
    "swapon": '[ "$1" = --show=NAME ] && { cat "$FAKE/swaps"; exit 0; }; echo "$1" >> "$FAKE/swaps"',
    "swapoff": ': > "$FAKE/swaps"',
    "mkswap": "true",
    "dd": 'for word; do case $word in of=*) : > "${word#of=}" ;; esac; done',
    "cloud-init": "cat > /dev/null",  # it reads what is left of a script that does not take care
    "apt-get": "cat > /dev/null",
    "xz": "true",
    "bzip2": "true",
    "curl": 'while [ $# -gt 1 ]; do [ "$1" != --output ] || to=$2; shift; done\n'
    '[ ! -e "$FAKE/no_network" ] || exit 6\n'
    'case $1 in */nixos-infect) cp "$FAKE/infect" "$to" ;; *) cp "$FAKE/nix-install" "$to" ;; esac',
    "systemd-run": 'while :; do case $1 in --setenv=*) export "${1#--setenv=}" ;; --on-active=*) exit 0 ;;'
    ' --*) ;; *) break ;; esac; shift; done\nexec "$@"',
}
ENVIRONMENT = """\
NIX_CHANNEL=nixos-26.05
NIX_INSTALL_URL=file://{work}/nix-install
NO_REBOOT=y
NO_SWAP=y
TMPDIR={work}/tmp
bootFs=/boot
"""


class Machine:
    """A fresh Debian below `root`; every command notes its words."""

    def __init__(self, base):
        self.base, self.root = base, base / "root"
        self.work = self.root / "var/lib/estate-first-boot"
        for name, text in {
            "infect": INFECT,
            "nix-install": "echo nix\n",
            "swaps": "",
            "calls": "",
            "type": "ext4",
            "label": "",
        }.items():
            (base / name).write_text(text)
        digests = (hashlib.sha256(text.encode()).hexdigest() for text in (INFECT, "echo nix\n"))
        self.pins = dict(zip(("infect_sha256", "nix_sha256"), digests, strict=True))
        (base / "bin").mkdir()
        for name, text in FAKES.items():
            self.fake(name, text)
        self.write("etc/os-release", DEBIAN)
        self.write("etc/passwd", "root:x:0:0::/root:/bin/bash\nnobody:x:65534:65534::/:/usr/sbin/nologin\n")
        self.write("etc/nixos/configuration.nix", CONFIGURATION)
        self.write("proc/meminfo", "MemTotal:         983040 kB\n")
        self.write("dev/vda", "")
        self.write("dev/vda1", "")

    def fake(self, name, text):
        path = self.base / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> "$FAKE/calls"\n{text}\n')
        path.chmod(0o755)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def run(self, boot_device="", **pins):
        fleet = mesh(first_boot=FirstBoot(**self.pins | pins))
        script = first_boot.first_boot_script(fleet, boot_device=boot_device).replace("root=''", f"root='{self.root}'")
        environment = {"PATH": f"{self.base}/bin:{os.environ['PATH']}", "FAKE": str(self.base)}
        result = subprocess.run(
            ["sh", "-s"], input=script, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        return result.returncode, result.stdout + result.stderr

    def called(self, name):
        return [line for line in (self.base / "calls").read_text().splitlines() if line.split()[0] == name]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("text", [first_boot.first_boot_script(mesh()), first_boot.CLEAR_UP])
def test_the_scripts_are_shell(shell, text):
    subprocess.run([shell, "-n"], input=text, text=True, check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="there is no shellcheck here")
@pytest.mark.parametrize("text", [first_boot.first_boot_script(mesh()), "#!/bin/sh\n" + first_boot.CLEAR_UP])
def test_shellcheck_has_nothing_to_say(text):
    result = subprocess.run(["shellcheck", "-s", "sh", "-"], input=text, capture_output=True, text=True, check=False)
    assert result.stdout == ""


def test_what_is_fetched_is_pinned():
    script = first_boot.first_boot_script(mesh())
    assert re.search(r"^commit=[0-9a-f]{40}$", script, re.M)
    assert len(re.findall(r"^(?:nix_)?digest=[0-9a-f]{64}$", script, re.M)) == 2
    assert re.search(r"^nix_url=https://releases\.nixos\.org/nix/nix-[0-9.]+/install$", script, re.M)


def test_a_fresh_debian_is_converted_and_restarted(machine):
    code, text = machine.run(boot_device="/dev/vda")
    assert code == 0, text
    assert (machine.base / "label").read_text() == "nixos\n"
    assert (machine.base / "environment").read_text() == ENVIRONMENT.format(work=machine.work)
    assert machine.called("systemd-run")[-1].endswith("--on-active=3 systemctl reboot")
    assert f"raw.githubusercontent.com/elitak/nixos-infect/{FirstBoot().infect_commit}/nixos-infect" in "".join(
        machine.called("curl")
    )
    assert machine.called("dd")[0].endswith("count=2048 status=none")
    assert not (machine.work / "swap").exists()
    assert (machine.work / "log").read_text() == "infecting\n"


def test_a_nixos_is_left_alone(machine):
    machine.write("etc/os-release", "ID=nixos\n")
    code, text = machine.run()
    assert (code, "NixOS already" in text, machine.called("systemd-run")) == (0, True, [])


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("etc/os-release", 'ID=ubuntu\nPRETTY_NAME="Ubuntu 24.04"\nVERSION_ID="24.04"\n', "this is Ubuntu 24.04, only"),
        ("etc/os-release", "ID=debian\nVERSION_ID=11\n", "only Debian 12 and 13"),
        ("sys/firmware/efi/x", "", "by UEFI"),
        ("proc/meminfo", "MemTotal:   480000 kB\n", "468 MB of memory are too little"),
        ("var/lib/clavitor/clavitor.db", "x", "not a fresh Debian"),
        ("var/lib/docker/x", "x", "not a fresh Debian"),
        ("etc/passwd", "mitch:x:1000:1000::/home/mitch:/bin/bash\n", "a user mitch"),
        ("etc/nixos/configuration.nix", "", "bring the configuration first"),
        ("etc/nixos/configuration.nix", f'{{ keys = [ "{KEY}" ]; }}', "would not start"),
        ("etc/nixos/configuration.nix", "{ boot.initrd.systemd.enable = false; }", "nobody could log in"),
    ],
)
def test_what_would_not_end_well_is_refused_before_anything_is_done(machine, path, content, said):
    machine.write(path, content)
    code, text = machine.run()
    assert (code, said in text) == (3, True), text
    assert not any(machine.called(name) for name in ("curl", "dd", "swapon", "systemd-run", "apt-get"))
    assert not machine.work.exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("id", "echo 1000", "wants to be root"),
        ("uname", "echo aarch64", "aarch64"),
        ("df", 'printf "h\\n/dev/vda1 9000 4000 5000 5%% /\\n"', "5000 MB are free on /, it takes 7000 MB"),
    ],
)
def test_a_machine_that_does_not_fit_is_refused(machine, name, text, said):
    machine.fake(name, text)
    code, output = machine.run()
    assert (code, said in output, machine.work.exists()) == (3, True, False)


def test_a_disk_that_the_configuration_does_not_mean_is_refused(machine):
    code, text = machine.run(boot_device="/dev/sda")
    assert (code, "no /dev/sda" in text) == (3, True)
    (machine.base / "type").write_text("xfs")
    code, text = machine.run()
    assert (code, "/ is xfs, the configuration says ext4" in text, machine.called("e2label")) == (3, True, [])


def test_a_container_has_no_swap_no_label_and_any_firmware(machine):
    machine.write("sys/firmware/efi/x", "")
    (machine.base / "type").write_text("overlay")
    code, text = machine.run(swap_mb=0, root_label="", firmware="any")
    assert code == 0, text
    assert [machine.called(name) for name in ("dd", "swapon", "swapoff", "e2label")] == [[], [], [], []]


def test_a_root_that_will_not_take_its_label_is_not_converted(machine):
    machine.fake("e2label", "echo old")
    code, text = machine.run()
    assert (code, "could not be given the label nixos" in text, machine.called("systemd-run")) == (1, True, [])


@pytest.mark.parametrize("line", ["systemd.enable=false;", "boot.initrd.systemd.enable = lib.mkForce false;"])
def test_the_switch_for_the_initrd_is_found_however_it_is_written(machine, line):
    machine.write("etc/nixos/configuration.nix", "{ imports = [ ./first-boot.nix ]; }")
    machine.write("etc/nixos/first-boot.nix", f"{{ {line} }} # {KEY}")
    assert machine.run()[0] == 0


@pytest.mark.parametrize("name", ["infect", "nix-install"])
def test_what_has_another_digest_is_not_run(machine, name):
    with (machine.base / name).open("a") as file:
        file.write("touch $FAKE/owned\n")
    code, text = machine.run()
    assert (code, "has the digest" in text) == (3, True)
    assert not (machine.base / "owned").exists()
    assert not list(machine.work.glob("*.new"))


def test_without_a_network_it_fails_and_says_what(machine):
    (machine.base / "no_network").touch()
    code, text = machine.run()
    assert (code, "nixos-infect cannot be fetched" in text) == (1, True)


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("infect_fails", "nixos-infect failed"),
        ("no_grub", "GRUB's menu has no NixOS"),
        ("systemd_initrd", "has the initrd that would not start"),
        ("no_list", "did not get to its end"),
    ],
)
def test_half_a_conversion_is_not_restarted_and_a_second_run_goes_on(machine, flag, said):
    (machine.base / flag).touch()
    machine.write("boot/grub/grub.cfg", "menuentry Debian\n")
    code, text = machine.run()
    assert (code, said in text) == (1, True), text
    assert not any("reboot" in call for call in machine.called("systemd-run"))
    (machine.base / flag).unlink()
    assert machine.run()[0] == 0
    assert len(machine.called("mkswap")) == 1
    assert len(machine.called("curl")) == 2


def test_a_conversion_under_way_is_not_begun_twice(machine):
    (machine.base / "under_way").touch()
    code, text = machine.run()
    assert (code, "under way already" in text) == (3, True)


def test_a_machine_that_was_converted_and_not_restarted_is_only_restarted(machine):
    machine.write("var/lib/estate-first-boot/done", "")
    code, _ = machine.run()
    assert (code, machine.called("curl")) == (0, [])
    assert machine.called("systemd-run")[0].endswith("systemctl reboot")


def test_the_image_is_asked_for_where_conversion_is_refused():
    assert f"memory_mb={SMALLEST_FOR_INFECT}" in first_boot.first_boot_script(mesh())
    steps = first_boot.image_steps(mesh())
    assert all(word in steps for word in ("build-image", "rclone link", "create-url", "estate edge create"))
