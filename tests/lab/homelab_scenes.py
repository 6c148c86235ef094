"""What the homelab's tests have in common: a container of their own, and looks into nodes and containers."""

import ssl
import subprocess
import time
from contextlib import suppress

import httpx
from estate_copy import REPO, Checkout, estate_command, inside

from estate.inventory import load
from estate.known_hosts import address, pinned, with_keys
from estate.sso.clients import client, issuer
from lab.hosts import HOMELAB_DOMAIN, VPS
from lab.paths import lab_paths

LAB = "inventories/lab.py"
NODE, OTHER = "dl380p", "i5"
NAME, VMID, ADDRESS, ELSEWHERE = "spare", 161, "10.99.0.61", "10.99.0.62"
DECLARED = {
    "ssh_hostname": ADDRESS,
    "vmid": VMID,
    "node": NODE,
    "resources": {"cpus": 1, "memory": "1g"},
    "rootfs": {"storage": "local-lvm", "size": "4g"},
    "services": (),
    "protection": False,
}
"""The smallest container that there can be: a base, and nothing on it."""
LINE = 'homelab = inventory_hosts("homelab")\n'
ON_NODE = ("--limit", NODE)
IN_SPARE = ("--limit", NAME)


def declare(copy: Checkout, **changes: object) -> None:
    """Have the spare container in a copy's inventory, as changed; what a declaration before this one said is gone."""
    text = (REPO / LAB).read_text()
    assert LINE in text
    own = f"homelab += [({NAME!r}, homelab[-1][1] | {DECLARED | changes!r})]\n"
    (copy.root / LAB).write_text(text.replace(LINE, LINE + own))


def copy_with_spare(path, **changes: object) -> Checkout:
    """A copy of the checkout that has the spare container."""
    copy = Checkout.copy_to(path)
    declare(copy, **changes)
    return copy


def remove_spare() -> None:
    """Whatever a test left of the spare container, on whichever node, and its pinned keys."""
    for node in (NODE, OTHER):
        inside(
            node,
            f"[ -e /etc/pve/nodes/{node}/lxc/{VMID}.conf ] || exit 0; pct unlock {VMID}; pct set {VMID} --protection 0;"
            f"pct stop {VMID}; pct destroy {VMID} --purge 1",
            check=False,
        )
        assert conf(node) == "", f"{NAME} is still on {node}"
    known = lab_paths().known_hosts
    for one in (ADDRESS, ELSEWHERE):
        new = known.with_name(f"{known.name}.test")
        new.write_text(with_keys(known.read_text(), one, set()))
        new.replace(known)


def conf(node: str = NODE, vmid: int = VMID) -> str:
    """A container's configuration file on a node; empty: it has no such container."""
    return inside(node, f"cat /etc/pve/nodes/{node}/lxc/{vmid}.conf 2>/dev/null || :")


def in_container(vmid: int, script: str, node: str = NODE) -> str:
    """What a script printed inside of a container, run as its root through its node."""
    argv = ["docker", "exec", "-i", f"estate-lab-{node}", "pct", "exec", str(vmid), "--keep-env", "0", "--", "sh", "-s"]
    result = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=180)
    assert result.returncode == 0, f"{script}: {result.stderr}"
    return result.stdout


def pinned_keys(where: str) -> set[str]:
    """The host keys that are pinned for an address."""
    return pinned(lab_paths().known_hosts.read_text(), where)


def own_key(vmid: int, node: str = NODE) -> str:
    """The ed25519 host key that a container has, "type base64"."""
    return " ".join(in_container(vmid, "cat /etc/ssh/ssh_host_ed25519_key.pub", node).split()[:2])


def address_of(name: str) -> str:
    """Where a lab host is, as known_hosts names it."""
    return address(load(REPO / LAB).ssh[name])


def destroyed(name: str, typed: str, copy: Checkout | None = None):
    """Ask for a container to be destroyed, with an answer to the question."""
    return estate_command("homelab", "destroy", LAB, name, stdin=f"{typed}\n", root=copy.root if copy else REPO)


PAGE = f"{issuer(client('hl-grafana').name, HOMELAB_DOMAIN)}.well-known/openid-configuration"
"""A page that only the homelab's Authentik has; it comes through the tunnel."""


def site(url: str = PAGE) -> int:
    """The status with which a public site answers at the VPS; 0: it does not."""
    parsed = httpx.URL(url)
    authority = ssl.create_default_context(cafile=lab_paths().ca_cert)
    with httpx.Client(verify=authority, timeout=5) as web, suppress(httpx.HTTPError):
        extensions = {"sni_hostname": parsed.host}
        return web.get(parsed.copy_with(host=VPS), headers={"Host": parsed.host}, extensions=extensions).status_code
    return 0


def await_site(wanted: bool, seconds: float = 90) -> int:
    """Wait until the page comes (or does not); the status that it has then."""
    end = time.monotonic() + seconds
    while ((status := site()) == 200) is not wanted:
        assert time.monotonic() < end, f"{PAGE} answers {status}"
        time.sleep(0.5)
    return status
