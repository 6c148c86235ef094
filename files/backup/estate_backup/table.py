"""Documents as plain lines, for whoever is logged in on the host; the controller has tables of its own."""

from __future__ import annotations

import json
from typing import Any


def text(command: str, document: Any) -> str:
    """A document of a command, readable."""
    if command == "run":
        return _run(document)
    if command == "list":
        return _list(document)
    return json.dumps(document, indent=2, ensure_ascii=False)


def _run(made: dict[str, Any]) -> str:
    lines = [f"{made['kind']}/{made['id'] or '-'}: {'ok' if made['ok'] else 'FAILED'} in {made['seconds']} s"]
    for name, mine in made["stores"].items():
        lines.append(f"  {name}: " + (f"{mine['bytes']} bytes in {mine['seconds']} s" if mine["ok"] else mine["why"]))
    lines += [f"  failed: {why}" for why in made["failed"].values()]
    lines += [f"  suspect: {why}" for why in made["suspect"]]
    lines += [f"  warning: {why}" for why in made["warnings"]]
    return "\n".join([*lines, *([f"  {made['why']}"] if made["why"] else [])])


def _list(found: dict[str, Any]) -> str:
    lines = []
    for row in found["sets"]:
        marks = [row["fault"]] if not row["complete"] else [f"{row['size']} bytes", f"#{row['sequence']}"]
        marks += ["proven"] if row["proven"] else []
        marks += ["suspect"] if row.get("suspect") and not row.get("accepted") else []
        marks += [f"lacks {', '.join(row['failed'])}"] if row.get("failed") else []
        lines.append(f"{row['store']:8} {row['kind']}/{row['id']}  {', '.join(marks)}")
    lines += [f"{name:8} {why}" for name, why in found["faults"].items()]
    return "\n".join(lines) or "there are no sets"
