"""Makes the artifact: one executable file with stable bytes, so that its SHA-256 names what is in it.

python -m lab.standins.clavitor.build VERSION FILE [FAULT]
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path

from lab.standins.clavitor.stamp import FAULTS, FILE, Stamp

HERE = Path(__file__).parent
PACKAGE = "lab/standins/clavitor"
MAIN = "import sys\n\nfrom lab.standins.clavitor.__main__ import main\n\nsys.exit(main(sys.argv[1:]))\n"
EPOCH = (1980, 1, 1, 0, 0, 0)


def build(version: str, to: Path, fault: str = "") -> str:
    """Write the artifact, executable; its SHA-256. The same source, version and fault give the same bytes anywhere."""
    if fault not in FAULTS:
        raise ValueError(f"no such fault: {fault}; one of {', '.join(filter(None, FAULTS))}")
    files = {f"{PACKAGE}/{path.name}": path.read_text() for path in HERE.glob("*.py") if path.name != "build.py"}
    files[f"{PACKAGE}/{FILE}"] = json.dumps(asdict(Stamp(version, fault)), sort_keys=True)
    files |= {"__main__.py": MAIN, "lab/__init__.py": "", "lab/standins/__init__.py": ""}
    buffer = io.BytesIO()
    # A unit of NixOS finds no python3: a Go binary would need none
    buffer.write(b"#!/usr/bin/python3\n")
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # compressed bytes depend on zlib's version
        for name, text in sorted(files.items()):
            member = zipfile.ZipInfo(name, EPOCH)
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, text)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(buffer.getvalue())
    to.chmod(0o755)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


if __name__ == "__main__":
    print(build(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:4]))
