"""A release's artifact on the controller: is it the one that was declared?"""

import subprocess
from hashlib import sha256
from pathlib import Path

from estate.models.edge import Release
from estate.models.faults import EstateFaults, Fault


def check_artifact(path: Path, release: Release) -> None:
    """Compare sha256, and the minisign signature when a key is declared. Raises EstateFaults."""
    where = f"group_data/edge/mesh/release ({release.version})"
    if not path.is_file():
        raise EstateFaults([Fault(where, f"{release.path} is not there", "build or download it")])
    with path.open("rb") as handle:
        digest = sha256()
        while block := handle.read(1024 * 1024):
            digest.update(block)
    if digest.hexdigest() != release.sha256:
        text = f"{release.path} has sha256 {digest.hexdigest()}"
        raise EstateFaults([Fault(where, text, "bring the declared one, or declare this one")])
    if release.public_key:
        _check_signature(path, release, where)


def _check_signature(path: Path, release: Release, where: str) -> None:
    """Minisign's own program decides: https://jedisct1.github.io/minisign/."""
    argv = ["minisign", "-V", "-q", "-P", release.public_key, "-m", str(path)]
    try:
        result = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        raise EstateFaults([Fault(where, "minisign is not installed", "apt-get install minisign")]) from None
    if result.returncode != 0:
        text = result.stderr.strip() or "the signature is not valid"
        raise EstateFaults([Fault(where, text, "do not deploy it before you know why")])
