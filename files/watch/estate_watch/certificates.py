"""cert-check: real handshakes from outside; the certificate that is served counts, not the one in a file."""

from __future__ import annotations

from typing import Any

from estate_watch.result import Result
from estate_watch.web import days_left


def certificates(settings: dict[str, Any], memory: dict[str, Any], now: float) -> Result:
    """Ask every name."""
    result = Result()
    for place in settings["names"]:
        name = place["name"]
        days, version, fault = days_left(name, place["address"], place["port"], now, settings.get("ca"))
        result.value("certificate_days_left", days, name=name)
        if fault:
            result.faults.append(f"{name}: {fault}")
        elif days < settings["warn_days"]:
            result.faults.append(f"{name}: its certificate ends in {days:.0f} days, and is not renewed")
        elif version < settings["tls_min"]:
            result.faults.append(f"{name}: it speaks {version}, less than {settings['tls_min']}")
    return result
