"""ssh-audit against a lab host's sshd: failing algorithms, and the policy that we ship."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from estate.render.ssh_policy import CIPHERS, HOST_KEYS, KEX, MACS
from lab.audit.result import Check, none_of
from lab.errors import LabError
from lab.run import run

POLICY = Path(__file__).parent / "ssh-policy.txt"
_KINDS = ("kex", "key", "enc", "mac")
_SIGNALS = ("ext-info-s", "kex-strict-s-v00@openssh.com")
"""Not algorithms: sshd says by these what it understands."""


def policy_text() -> str:
    """The policy file: no other algorithm than estate/render/ssh_policy.py has; an older sshd may have fewer."""
    lists = {"host keys": HOST_KEYS, "key exchanges": (*KEX, *_SIGNALS), "ciphers": CIPHERS, "macs": MACS}
    lines = [f"{name} = {', '.join(names)}" for name, names in lists.items()]
    head = [
        "# The policy of `make audit` for ssh-audit; a test holds it to estate/render/ssh_policy.py.",
        "# By hand: ssh-audit -P lab/audit/ssh-policy.txt HOST",
        'name = "Estate sshd"',
        "version = 1",
        "allow_algorithm_subset_and_reordering = true",
    ]
    return "\n".join([*head, *lines]) + "\n"


def program() -> str:
    """ssh-audit of the environment that this runs in, or of the machine. Raises LabError when there is none."""
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("ssh-audit", path=search)
    if found is None:
        raise LabError("ssh-audit is not installed", "run `make venv`, which installs the pinned one")
    return found


def failing(scan: Mapping[str, Any], level: str = "fail") -> list[str]:
    """The algorithms of a scan that have notes of a level, as "kind name: notes"."""
    return [
        f"{kind} {item['algorithm']}: {'; '.join(item['notes'][level])}"
        for kind in _KINDS
        for item in scan.get(kind, [])
        if item.get("notes", {}).get(level)
    ]


def violations(answer: Mapping[str, Any]) -> list[str]:
    """What an answer to a policy scan finds against the policy. A refusal without reasons is one, too."""
    if answer.get("passed"):
        return []
    errors: Iterable[Any] = answer.get("errors") or ["the policy was not met, without a reason"]
    return [f"{e.get('mismatched_field')}: {e.get('actual')}" if isinstance(e, dict) else str(e) for e in errors]


def scan(address: str, port: int, policy: Path | None = None) -> dict[str, Any]:
    """What ssh-audit says of an sshd, in its own form; against a policy when one is given."""
    options = ["--policy", str(policy)] if policy else ["--skip-rate-test"]
    argv = [program(), "--json", "--port", str(port), "--timeout", "15", *options, address]
    result = run(argv, check=False, timeout=180)
    try:
        answer = json.loads(result.stdout)
    except json.JSONDecodeError:
        said = (result.stderr or result.stdout).strip()[-300:]
        raise LabError(f"ssh-audit gave no answer for {address}: {said}", "run it by hand") from None
    if not isinstance(answer, dict):
        raise LabError(f"ssh-audit answered for {address} in an unknown form", "its version is pinned: `make venv`")
    return answer


def checks(address: str, port: int) -> list[Check]:
    """Failing algorithms and the policy, of a running sshd."""
    plain = scan(address, port)
    if not plain.get("kex"):
        raise LabError(f"ssh-audit saw no algorithms at {address}", "is sshd up? ssh-audit -v shows more")
    warned = failing(plain, "warn")
    return [
        none_of("ssh-audit: failing algorithms", failing(plain)),
        Check("ssh-audit: algorithms with a warning", str(len(warned)), "for information", True),
        none_of("ssh-audit: against our policy", violations(scan(address, port, POLICY)), "met"),
    ]
