"""What the requests work on: reports in; status, history and metrics out."""

from __future__ import annotations

import hmac
import json
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from push_bridge.backups import Backups
from push_bridge.config import Config, Secrets
from push_bridge.forwarder import Forwarder
from push_bridge.refused import Refused
from push_bridge.report import FIELDS, RANGES, faults_of, out_of_bounds, summary
from push_bridge.store import DAY, HOUR, Store

LOG = logging.getLogger("push-bridge")


class Bridge:
    """What the requests work on."""

    def __init__(self, config: Config, secrets: Secrets, state: Path, clock: Callable[[], float] = time.time) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.config, self._secrets, self.clock = config, secrets, clock
        self.store = Store(state / "history.db")
        self.backups = Backups(state / "backups", config)
        self.forwarder = Forwarder(config, secrets)
        self._bad: dict[str, list[str]] = {}
        self._forgot = 0.0

    def allow(self, node: str, header: str) -> None:
        """Refuse whoever does not have the node's token; an unknown node looks like a wrong token."""
        known = self._secrets.push.get(node, "") if node in self.config.nodes else ""
        given = header.removeprefix("Bearer ").encode(errors="replace")
        if not (hmac.compare_digest(given, (known or "no such node").encode()) and known):
            raise Refused(401, "a wrong token, or none")

    def push(self, node: str, body: bytes) -> list[str]:
        """Take a report: keep it, judge it, pass a heartbeat on; gives what is out of bounds."""
        try:
            payload = json.loads(body, parse_constant=lambda word: None)
        except (ValueError, RecursionError):
            raise Refused(400, "it is not JSON") from None
        faults = faults_of(payload, node)
        if faults:
            raise Refused(400, "; ".join(faults))
        now = self.clock()
        self.store.add(payload, now)
        bad = out_of_bounds(payload, self.config)
        if bad != self._bad.get(node, []):
            LOG.log(logging.WARNING if bad else logging.INFO, "%s: %s", node, "; ".join(bad) or "within bounds again")
        self._bad[node] = bad
        # Kuma draws `ping` over time: the days a certificate has left are what must not sink unseen
        self.forwarder.put(
            node, "down" if bad else "up", "; ".join(bad) or summary(payload), max(0.0, payload["cert_days_remaining"])
        )
        if now - self._forgot > HOUR:
            self._forgot = now
            self.store.forget(now - self.config.history_days * DAY)
        return bad

    def status(self) -> dict[str, Any]:
        """Everything about every node."""
        now = self.clock()
        rows = {node: self.store.latest(node) for node in self.config.nodes}
        recent = [row["nix_gen"] for row in rows.values() if row and now - row["received"] < HOUR]
        common, count = (Counter(recent).most_common(1) or [(0, 0)])[0]
        most = common if len(recent) > 2 and 2 * count > len(recent) else None
        return {"now": now, "nodes": {node: self._node(node, row, most, now) for node, row in rows.items()}}

    def _node(self, node: str, row: sqlite3.Row | None, most: int | None, now: float) -> dict[str, Any]:
        pushes, highest = self.store.hour(node, now)
        payload = {name: row[name] for name in FIELDS} if row else None
        alerts = ["it has never pushed"]
        if row and payload:
            alerts = out_of_bounds(payload, self.config)
            silent, skew = now - row["received"], row["received"] - payload["ts"]
            if silent > self.config.silent_after:
                alerts.append(f"silent: no push for {silent:.0f} s")
            if abs(skew) > self.config.clock_skew:
                alerts.append(f"clock skew: its clock is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead'}")
            if payload["nix_gen"] < highest:
                alerts.append(f"nix_gen: went back from {highest} to {payload['nix_gen']}")
            if most is not None and payload["nix_gen"] != most:
                alerts.append(f"nix_gen: {payload['nix_gen']}, most nodes run {most}")
        return {
            "received": row["received"] if row else None,
            "payload": payload,
            "pushes_1h": pushes,
            "err_1h": payload["err_1h"] if payload else 0,
            "req_1h": payload["req_1h"] if payload else 0,
            "alerts": alerts,
            "backup": self.backups.newest(node),
        }

    def history(self, node: str, hours: float) -> dict[str, Any]:
        """The reports of the last hours."""
        if node not in self.config.nodes:
            raise Refused(404, "no such node")
        hours = min(hours, self.config.history_days * 24) if hours > 0 else 0
        rows = self.store.since(node, self.clock() - hours * HOUR)
        return {"node": node, "hours": hours, "pushes": [dict(row) for row in rows]}

    def metrics(self) -> str:
        """Everything as Prometheus text."""
        state = self.status()
        series: dict[str, list[str]] = {}

        def add(name: str, node: str, value: float) -> None:
            series.setdefault(name, [f"# TYPE {name} gauge"]).append(f'{name}{{node="{node}"}} {value}')

        for node, seen in state["nodes"].items():
            add("push_bridge_alerts", node, len(seen["alerts"]))
            add("push_bridge_pushes_1h", node, seen["pushes_1h"])
            add("push_bridge_kuma_refuses", node, int(bool(self.forwarder.trouble.get(node))))
            if seen["backup"]:
                add("push_bridge_backup_age_seconds", node, round(state["now"] - seen["backup"]["at"], 1))
            if seen["payload"]:
                add("push_bridge_last_push_age_seconds", node, round(state["now"] - seen["received"], 1))
                add("clavitor_db_integrity_ok", node, int(seen["payload"]["db_integrity"] == "ok"))
                for name in RANGES:
                    add(f"clavitor_{name}", node, seen["payload"][name])
        return "".join(f"{line}\n" for lines in series.values() for line in lines)

    def close(self) -> None:
        """Stop forwarding and close the history."""
        self.forwarder.close()
        self.store.close()
