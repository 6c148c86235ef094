"""A new WireGuard key for a spoke: the old peer stays on the hub until the new one has shaken hands.

The node makes the key and keeps it; only its public half is read. The node uses it under a timer that takes it back,
so a step that fails, or a controller that dies, leaves the node where it was. A second run finishes the job: what was
begun stands in the file of pinned keys ("next").
"""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from estate.edge.keys import keys_path, load_keys, save_keys
from estate.exit_codes import ExitCode
from estate.inventory import Estate
from estate.models.edge import Mesh, Node
from estate.models.faults import EstateFaults, Fault
from estate.pyinfra_run import argv
from estate.remote import Outcome, run_as_root
from estate.render.shell import PATH, variables
from estate.render.templates import ROOT

REVERT = 40
"""Seconds after which a node uses its old key again when nobody has confirmed the new one."""
HANDSHAKE = 20
"""Seconds that the hub waits for the new key's first handshake."""
_UNIT = "estate-revert-wireguard-key"

MAKE = f"""set -eu; export {PATH}; umask 077
cd /etc/wireguard
running=$(wg show "$IF" public-key)
if [ "$running" = "$NEXT" ] && [ "$(wg pubkey <private.key)" = "$NEXT" ]; then echo "done $running"; exit 0; fi
[ -s next.key ] || {{ wg genkey >.next.key; mv -f .next.key next.key; }}
echo "next $(wg pubkey <next.key)"
"""
USE = f"""set -eu; export {PATH}
systemctl stop {_UNIT}.timer 2>/dev/null || :
systemd-run --quiet --collect --unit={_UNIT} --on-active={REVERT} --timer-property=AccuracySec=1s \
    wg set "$IF" private-key /etc/wireguard/private.key
# Apart from this connection, which goes through the tunnel; the ping is what there is to shake hands for
systemd-run --quiet --collect sh -c "sleep 1; wg set $IF private-key /etc/wireguard/next.key; ping -c 5 -i 1 $HUB"
"""
KEEP = f"""set -eu; export {PATH}
systemctl stop {_UNIT}.timer
! systemctl --quiet is-active {_UNIT}.service
[ "$(wg show "$IF" public-key)" = "$NEXT" ]
sync /etc/wireguard/next.key
mv -f /etc/wireguard/next.key /etc/wireguard/private.key
"""
_PEER = f"set -eu; export {PATH}\n"
EXPECT = _PEER + 'wg set "$IF" peer "$NEXT"${PSK:+ preshared-key "$PSK"} allowed-ips ""\n'
MOVE = _PEER + 'wg set "$IF" peer "$TO" allowed-ips "$ADDRESS/32"\n'
FORGET = _PEER + 'wg set "$IF" peer "$NEXT" remove\n'
SHAKEN = _PEER + 'wg show "$IF" latest-handshakes | awk -v k="$NEXT" \'$1 == k {print $2}\'\n'


class Rotation:
    """One spoke's rotation."""

    def __init__(self, estate: Estate, mesh: Mesh, node: Node, say: Callable[[str, str], None]) -> None:
        self.estate, self.mesh, self.node, self.say = estate, mesh, node, say
        self.path = keys_path(estate.name)
        self.words = {"IF": mesh.interface, "ADDRESS": mesh.address(node), "HUB": mesh.address(mesh.hub)}
        self.words["PSK"] = f"/etc/wireguard/psk/{node.name}" if mesh.preshared_keys else ""

    def _run(self, name: str, text: str, **more: str) -> Outcome:
        return run_as_root(name, self.estate.ssh[name], variables(self.words | more) + text, timeout=30, wait=6)

    def _must(self, name: str, text: str, **more: str) -> str:
        outcome = self._run(name, text, **more)
        if outcome.code != 0:
            said = outcome.stderr.strip()[-300:] or f"exit code {outcome.code}"
            raise EstateFaults([Fault(f"{name}/wireguard", said, "nothing was lost; run this again")])
        return outcome.stdout.strip()

    def run(self) -> None:
        """Do it, from wherever an earlier run stopped. Raises EstateFaults; the node is reachable then."""
        keys = load_keys(self.path)
        old, name, hub = keys.nodes[self.node.name], self.node.name, self.mesh.hub.name
        begun = keys.following.get(name, "")
        if begun and self._unreachable():
            # Cut off between the hub's step and the node's: the node uses its old key again by now
            self._must(hub, MOVE, TO=old)
        what, new = self._must(name, MAKE, NEXT=begun).split()
        if what == "next":
            save_keys(self.path, keys.with_following(name, new))
            self._must(hub, EXPECT, NEXT=new)
            self.say(name, "uses its new key")
            self._must(name, USE)
            self._await_handshake(new)
            self._must(hub, MOVE, TO=new)
            self._confirm(old, new)
        save_keys(self.path, load_keys(self.path).with_node(name, new))
        self.say(name, "has its new key; the hub forgets the old one")

    def _unreachable(self) -> bool:
        try:
            self._run(self.node.name, ":")
        except EstateFaults:
            return True
        return False

    def _await_handshake(self, new: str) -> None:
        end = time.monotonic() + HANDSHAKE
        while time.monotonic() < end:
            if self._must(self.mesh.hub.name, SHAKEN, NEXT=new) not in ("", "0"):
                return
            time.sleep(1)
        self._must(self.mesh.hub.name, FORGET, NEXT=new)
        text = f"no handshake with the new key within {HANDSHAKE} s; it uses the old one again after {REVERT} s"
        raise EstateFaults([Fault(f"{self.node.name}/wireguard", text, "see its journal; run this again")])

    def _confirm(self, old: str, new: str) -> None:
        """A new connection through the new key keeps it; otherwise the hub lets the old one in again."""
        last = "no answer"
        for _ in range(3):
            try:
                outcome = self._run(self.node.name, KEEP, NEXT=new)
            except EstateFaults as error:
                last = error.faults[0].fault
                continue
            if outcome.code == 0:
                return
            last = outcome.stderr.strip() or "it uses the old key again"
            break
        self._must(self.mesh.hub.name, MOVE, TO=old)
        raise EstateFaults([Fault(f"{self.node.name}/wireguard", f"not confirmed: {last}", "run this again")])


def rotate(estate: Estate, inventory: Path, nodes: list[Node], say: Callable[[str, str], None]) -> int:
    """New keys for spokes, one at a time, and then the hub's peers as declared; returns the deploy's exit code.

    Raises EstateFaults at the first node that fails; the ones before it are done.
    """
    mesh = estate.mesh
    assert mesh is not None  # noqa: S101 - callers chose its nodes
    if faults := [
        Fault(n.name, "is the hub", "its key is every spoke's: docs/edge.md") for n in nodes if n == mesh.hub
    ]:
        raise EstateFaults(faults)
    for node in nodes:
        Rotation(estate, mesh, node, say).run()
    words = argv(inventory, (mesh.hub.name,), "-y")
    return subprocess.run(words, cwd=ROOT, check=False).returncode or ExitCode.DONE
