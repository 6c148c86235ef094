"""Records of runs as tests need them."""

from datetime import UTC, datetime
from typing import Any

from estate.run.record import HostRecord, OperationRecord, RunRecord

DIFF = """--- /etc/caddy/Caddyfile
+++ /etc/caddy/Caddyfile
@@ -1,4 +1,4 @@
 {
-    email old@example.org
+    email new@example.org
 }
--- a line that begins with two dashes
"""
CHANGE = {
    "kind": "file",
    "name": "/etc/caddy/Caddyfile",
    "action": "update",
    "why": ["content", "mode 0600 to 0644"],
    "diff": DIFF,
}


def operation(number: int, outcome: str = "unchanged", **other: Any) -> OperationRecord:
    """An operation that began `number` seconds into the run and took most of one."""
    values = {"task": "base", "name": f"step {number}", "began": number, "ended": number + 0.8, "outcome": outcome}
    return OperationRecord(**(values | other))


def host(name: str, outcome: str = "done", *operations: OperationRecord, **other: Any) -> HostRecord:
    """What happened on a host; two unchanged operations when nothing else is said."""
    return HostRecord(name=name, outcome=outcome, operations=operations or (operation(0), operation(1)), **other)


def run(run_id: str = "20310102T030405Z-abcd", **other: Any) -> RunRecord:
    """A clean run of one host."""
    values: dict[str, Any] = {
        "run": run_id,
        "estate": "prod",
        "who": "ops@desk",
        "purpose": "deploy",
        "commit": "0123abc+",
        "plan": "5f2e9c",
        "began": datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC),
        "seconds": 12.5,
        "outcome": "done",
        "hosts": (host("web1"),),
    }
    return RunRecord(**(values | other))


def changed() -> RunRecord:
    """A file changed, its handler ran."""
    reload = {"kind": "handler", "name": "caddy", "action": "apply", "why": ["its files changed"], "diff": ""}
    steps = (operation(0, "changed", changes=(CHANGE,)), operation(1, "changed", changes=(reload,)), operation(2))
    return run(hosts=(host("web1", "done", *steps), host("web2")), notices=("Secrets came from the sealed copy.",))


def returned() -> RunRecord:
    """An operation failed, another was taken back, a third interrupted."""
    steps = (
        operation(0, "returned", changes=(CHANGE,)),
        operation(1, "failed", output="caddy: line 3: unknown directive\nexit code 1"),
        operation(2, "interrupted"),
    )
    return run(outcome="returned", hosts=(host("web1", "returned", *steps), host("web2")), faults=("web1: failed",))


def unreachable() -> RunRecord:
    """A host that never answered."""
    lost = HostRecord(name="web2", outcome="unreachable", error="ssh: connect to host web2 port 22: No route to host")
    return run(outcome="unreachable", hosts=(host("web1"), lost), quarantined=("web2",))


def many() -> RunRecord:
    """Sixteen hosts."""
    outcomes = ("unchanged", "changed", "unchanged", "unchanged")
    hosts = [
        host(
            f"node{n:02}.machines.example.org",
            "done",
            *(operation(i * 3 + n % 3, outcomes[(i + n) % 4], ended=i * 3 + 2.5 + n % 3) for i in range(12)),
        )
        for n in range(16)
    ]
    return run(hosts=tuple(hosts), seconds=41)
