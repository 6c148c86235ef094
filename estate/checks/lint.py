"""compose-lint over a rendered compose file: no high or critical finding without a declared reason."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from estate.models.faults import Fault
from estate.models.stack import Stack

_SERIOUS = ("high", "critical")


def unjustified(findings: list[dict[str, Any]], stack: Stack) -> list[Fault]:
    """Serious findings that no `lint` entry of the service explains, and entries that explain nothing."""
    faults, used = [], set()
    for finding in findings:
        if finding["severity"] not in _SERIOUS:
            continue
        service, rule = finding["service"], finding["rule_id"]
        if rule in stack.service(service).lint:
            used.add((service, rule))
            continue
        remedy = f'mend it, or give the reason in the declaration: lint={{"{rule}": "…"}}'
        faults.append(Fault(f"compose-lint {service}/{rule}", finding["message"].rstrip("."), remedy))
    for declared in stack.containers:
        for rule in declared.lint:
            if (declared.name, rule) not in used:
                fault = "the reason given in the declaration is no longer needed"
                faults.append(Fault(f"compose-lint {declared.name}/{rule}", fault, "remove it"))
    return faults


def lint_compose(path: Path, stack: Stack) -> list[Fault]:
    """Faults of the rendered file. The tool comes with the project's development dependencies."""
    tool = Path(sys.executable).with_name("compose-lint")
    if not tool.exists():
        return [Fault("compose-lint", "not installed", "run `make venv`")]
    argv = [str(tool), "check", "--format", "json", str(path)]
    result = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    try:
        document = json.loads(result.stdout)
    except json.JSONDecodeError:
        return [Fault("compose-lint", f"failed: {result.stderr.strip()[-300:]}", "run it by hand over the file")]
    return unjustified(document["findings"], stack)
