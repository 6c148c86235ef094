"""The one base root filesystem: Debian with every package that any lab image needs."""

from __future__ import annotations

import hashlib
import json

from lab.apt import SUITE, host_sources, machine_sources
from lab.docker import LABEL, Docker
from lab.errors import LabError
from lab.images.engine import HASH_LABEL, import_rootfs
from lab.run import as_root

REDIS_SUITE = "bookworm"  # the last Debian suite with Redis 7
PACKAGES = (
    *("bash", "busybox", "ca-certificates", "curl", "netbase", "tzdata"),
    *("python3", "python3-aioquic", "python3-argon2", "python3-cryptography", "python3-psycopg"),
    *("python3-starlette", "python3-uvicorn", "python3-yaml"),
    *("caddy", "prometheus", "prometheus-alertmanager", "prometheus-node-exporter", "redis-tools"),
)
EXCLUDED = tuple(
    f"/usr/share/{part}/*" for part in ("man", "info", "locale", "doc", "lintian", "bash-completion", "sass", "nodejs")
)
# The users of the production images: name, UID, GID, home.
USERS = (
    ("postgres", 70, 70, "/var/lib/postgresql"),
    ("grafana", 472, 0, "/usr/share/grafana"),
    ("estate", 1000, 1000, "/nonexistent"),
    ("infisical", 1001, 1001, "/backend"),
    ("loki", 10001, 10001, "/loki"),
)
PIN_REDIS = "Package: redis-tools\\nPin: version 5:7.*\\nPin-Priority: 1001\\n"
LINKS = {
    "usr/bin/wget": "busybox",
    "usr/bin/nc": "busybox",
    "usr/bin/redis-server": "redis-check-rdb",  # one binary, named by how it is called
    "usr/bin/alertmanager": "prometheus-alertmanager",
    "usr/bin/node_exporter": "prometheus-node-exporter",
}


def _passwd() -> str:
    return "".join(f"{n}:x:{u}:{g}::{home}:/bin/sh\\n" for n, u, g, home in USERS)


def _groups() -> str:
    return "".join(f"{name}:x:{gid}:\\n" for name, _, gid, _ in USERS if gid)


def hooks() -> list[str]:
    """Give mmdebstrap's hooks: the Redis pin, the links and the users."""
    links = " && ".join(f'ln -sf {target} "$1/{path}"' for path, target in LINKS.items())
    return [
        f'--setup-hook=mkdir -p "$1/etc/apt/preferences.d" && printf "{PIN_REDIS}" > "$1/etc/apt/preferences.d/redis"',
        f"--customize-hook={links}",
        f'--customize-hook=printf "{_passwd()}" >> "$1/etc/passwd" && printf "{_groups()}" >> "$1/etc/group"',
        '--customize-hook=rm -rf "$1/var/cache/ldconfig" "$1/var/lib/apt" "$1/var/log"/*',
    ]


def recipe_hash() -> str:
    """Hash what the base is made from (not the mirror it came from, nor the day)."""
    recipe = [SUITE, REDIS_SUITE, PACKAGES, EXCLUDED, hooks()]
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]


def sources() -> list[str]:
    """Give the source lines of both suites, at the mirrors which this machine's own apt uses."""
    machine = machine_sources()
    lines = [*host_sources(machine, SUITE), *host_sources(machine, REDIS_SUITE)]
    if not lines:
        raise LabError(
            "no Debian mirror in this machine's apt sources, so no image can be made",
            "add one to /etc/apt/sources.list.d, or use LAB_IMAGES=upstream",
        )
    return lines


def build_base(engine: Docker, tag: str) -> None:
    """Bootstrap the base and import it under its tag."""
    producer = [
        *("mmdebstrap", "--quiet", "--variant=essential", f"--include={','.join(PACKAGES)}"),
        *('--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"'),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        *hooks(),
        *(SUITE, "-", *sources()),
    ]
    labels = f"LABEL {LABEL}=image {HASH_LABEL}={recipe_hash()}"
    import_rootfs(engine, tag, as_root(producer), [labels, "ENV LANG=C.UTF-8 PYTHONUNBUFFERED=1"])
