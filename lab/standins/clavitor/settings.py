"""What the process is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The environment. Times are in seconds; ports other than 80 and 443 are for tests only."""

    node: str
    domain: str
    state: Path
    push_url: str = ""
    push_token: str = field(default="", repr=False)
    push_interval: float = 30
    check_interval: float = 3600
    acme_directory: str = ""
    acme_email: str = ""
    address: str = "0.0.0.0"  # noqa: S104
    http_port: int = 80
    https_port: int = 443

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Read them. Raises ValueError with all that is missing or wrong; no value of a secret is in it."""
        faults = [f"{name} is not set" for name in ("CLAVITOR_NODE", "CLAVITOR_DOMAIN") if not environment.get(name)]
        if environment.get("CLAVITOR_PUSH_URL") and not environment.get("CLAVITOR_PUSH_TOKEN"):
            faults.append("CLAVITOR_PUSH_TOKEN is not set, but CLAVITOR_PUSH_URL is")
        numbers: dict[str, float] = {}
        for name, standard in (("PUSH_INTERVAL", 30), ("CHECK_INTERVAL", 3600), ("HTTP_PORT", 80), ("HTTPS_PORT", 443)):
            try:
                numbers[name] = float(environment.get(f"CLAVITOR_{name}", standard))
            except ValueError:
                faults.append(f"CLAVITOR_{name} is not a number")
        if faults:
            raise ValueError("; ".join(faults))
        return cls(
            node=environment["CLAVITOR_NODE"],
            domain=environment["CLAVITOR_DOMAIN"],
            state=Path(environment.get("STATE_DIRECTORY", "/var/lib/clavitor")),
            push_url=environment.get("CLAVITOR_PUSH_URL", ""),
            push_token=environment.get("CLAVITOR_PUSH_TOKEN", ""),
            push_interval=numbers["PUSH_INTERVAL"],
            check_interval=numbers["CHECK_INTERVAL"],
            acme_directory=environment.get("CLAVITOR_ACME_DIRECTORY", ""),
            acme_email=environment.get("CLAVITOR_ACME_EMAIL", ""),
            address=environment.get("CLAVITOR_ADDRESS", "0.0.0.0"),  # noqa: S104
            http_port=int(numbers["HTTP_PORT"]),
            https_port=int(numbers["HTTPS_PORT"]),
        )
