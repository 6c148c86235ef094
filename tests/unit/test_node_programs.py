"""On NixOS a command is found only if its package was declared: what our scripts call on a node is."""

import re

import pytest
from nixpkgs_eval import STAND_IN
from shell_words import called

from estate.render.edge import SAVE, rollback_script, undo
from estate.render.shell import shell
from estate.render.templates import ROOT
from estate.rollout import build, install, restore, rotate
from estate.run import history, journal, lock

NIXOS = {
    # nixos/modules/config/system-path.nix, corePackageNames (bash is bashInteractive, coreutils coreutils-full)
    *("bash", "bzip2", "coreutils", "curl", "diffutils", "findutils", "gawk", "getent", "gnugrep", "gnused", "gnutar"),
    *("gzip", "less", "ncurses", "procps", "util-linux", "which", "xz"),
    # programs/ssh.nix, services/system/nix-daemon.nix and system/boot/systemd.nix add their own
    *("openssh", "nix", "systemd"),
}
"""What every NixOS has in /run/current-system/sw/bin."""
UNIT = {"bash", "coreutils", "findutils", "gnugrep", "gnused", "systemd"}
"""What every unit finds: its shell, and nixos/lib/systemd-lib.nix, stage2ServiceConfig."""
DEBIAN = {"docker", "dpkg-query"}
"""Called where packages or a stack are declared, which no node has."""
ME = lock.Holder("20261121T000000Z-abcd", "mitch@laptop", "2026-11-21T00:00:00Z", "pyinfra")
GIVEN = {"probes", "save"}
"""Functions that the head of a script defines."""
FILES = [
    *(f"operations/{path.name}" for path in sorted((ROOT / "estate" / "operations").glob("edge*.sh"))),
    *("operations/guarded.sh", "operations/tree_apply.sh", "run/lock.sh"),
    *("facts/host_state.sh", "facts/preflight.sh", "verify/edge_probe.sh"),
]
SCRIPTS = {name: shell(name) for name in FILES} | {
    "undo": undo(),
    "rollback": rollback_script("tokyo.clavitor.com"),
    "save": SAVE,
    "build": build._LACKS,
    "install": install._LOOK,
    "restore": restore._NEWEST,
    "history": history.read_script(3),
    "journal": journal.write_script("run"),
    "journal of another": journal.write_script("run", over=False),
    "take": lock.take_script(ME),
    "renew": lock.renew_script(ME),
    "release": lock.release_script(ME),
    "break": lock.break_script(),
    "fence": lock.fence("run"),
    **{f"rotate {n}": getattr(rotate, n) for n in ("MAKE", "USE", "KEEP", "EXPECT", "MOVE", "FORGET", "SHAKEN")},
}
UNITS = {
    "store.nix": ("gc.sh",),
    "depot.nix": ("depot-key.sh",),
    "offsite.nix": ("vault-offsite.sh", "vault-offsite-back.sh"),
    "vault.nix": ("vault-backup.sh", "vault-check.sh", "vault-copy.sh"),
}


def packages():
    """By command, its package, as the lab's Nixpkgs has them."""
    text = (STAND_IN / "pkgs" / "commands.nix").read_text()
    found = {}
    for name, body in re.findall(r"^  ([\w-]+) = \{\n(.*?)^  \};", text, re.M | re.S):
        for words in re.findall(r"s?bin = (?:\"([^\"]*)\"|''(.*?)'');", body, re.S):
            found |= dict.fromkeys(" ".join(words).split(), name)
    return found


PACKAGES = packages()


def declared(module, option):
    """What a module of ours lists under an option."""
    text = (ROOT / "files" / "nixos" / module).read_text()
    (body,) = re.findall(rf"{re.escape(option)} = \[(.*?)\];", text, re.S)
    return set(re.findall(r"pkgs\.([\w-]+)", body))


def needed(text):
    programs = called(text, PACKAGES) - GIVEN
    assert programs - PACKAGES.keys() <= DEBIAN, "commands of no package that lab/nixpkgs/pkgs/commands.nix has"
    return {PACKAGES[program] for program in programs - DEBIAN}


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_script_calls_on_a_node_is_declared(name):
    assert needed(SCRIPTS[name]) <= NIXOS | declared("base.nix", "environment.systemPackages")


@pytest.mark.parametrize("module", UNITS)
def test_what_a_unit_calls_is_in_its_path(module):
    there = UNIT | declared(module, "path")
    for name in UNITS[module]:
        assert needed((ROOT / "files" / "nixos" / name).read_text()) <= there, name


def test_nothing_is_declared_that_no_script_calls():
    all_needed = set().union(*(needed(text) for text in SCRIPTS.values()))
    assert declared("base.nix", "environment.systemPackages") <= all_needed


def test_no_script_is_left_out():
    units = {name for names in UNITS.values() for name in names}
    assert {path.name for path in (ROOT / "files" / "nixos").glob("*.sh")} == units


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("a | b && c || d; e &", "a b c d e"),
        ("if a; then b; else c; fi; while ! d; do e; done <f", "a b c d e"),
        ("for a in b c; do d; done", "d"),
        ("case $x in a | b) c ;; *) d ;; esac; e", "c d e"),
        ("case $x in\na)\n  case $y in b) c ;; esac\n  ;;\nesac\nd", "c d"),
        ("f() { a; }; f b; g () ( c )", "a c"),
        ('x=$(a "$(b)" $(($(c) - 1))) d "e f"', "a b c d"),
        ("say \"$(a)\" '$(b)' # c\n", "say a"),
        ('x=1 a; y=${z:-$q}; "$b/c" d; e/f', "a"),
        ("a 2>/dev/null >&2 <b; ! c; { d; }", "a c d"),
        ("a | xargs -r tar x", "a xargs tar"),
        ('systemd-run --quiet sh -c "sleep 1; wg set $IF; ping -c 5"', "systemd-run sh sleep wg ping"),
        ("printf '%s\\n' a; echo b; test c", ""),
    ],
)
def test_commands_are_read_as_a_shell_reads_them(text, programs):
    assert called(text, {"tar", "sh"}) == set(programs.split())
