"""A copy of the repository whose declarations a test may change, deployed to the same lab."""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx

from estate.exit_codes import ExitCode
from estate.inventory import load
from estate.secrets.sealed import Sealed, SealedFile
from lab.images.registry import MANIFEST
from lab.standins.clavitor.build import build

REPO = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PARTS = ("estate", "tasks", "lab", "inventories", "group_data", "templates", "files")


@dataclass(frozen=True)
class Run:
    """One run of pyinfra: exit code, everything it printed, and the changes that it recorded."""

    code: int
    text: str
    changes: list[dict]

    def keys(self, phase: str) -> set[tuple[str, str, str, str, str]]:
        """The changes of a phase, without their reasons."""
        return {(c["host"], c["task"], c["kind"], c["name"], c["action"]) for c in self.changes if c["phase"] == phase}


class Checkout:
    """A checkout of the estate: this one, or a copy."""

    def __init__(self, root: Path = REPO) -> None:
        self.root = root

    @classmethod
    def copy_to(cls, root: Path) -> "Checkout":
        """Copy what a deploy needs; the lab's own state stays shared."""
        root.mkdir(parents=True)
        for part in PARTS:
            if (REPO / part).exists():
                # With what Python compiled: it is a second of every run of a fresh copy
                shutil.copytree(REPO / part, root / part)
        for name in ("deploy.py", "config.py"):
            shutil.copy(REPO / name, root / name)
        (root / ".lab").symlink_to(REPO / ".lab")
        return cls(root)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        file = self.root / path
        text = file.read_text()
        assert old in text, f"{path} does not contain {old!r}"
        file.write_text(text.replace(old, new))

    def own_lab(self, but: str) -> Path:
        """Give a copy a `.lab` of its own: everything in it is the real one's, but what begins with `but`."""
        own = self.root / ".lab"
        own.unlink()
        own.mkdir(mode=0o700)
        for path in (REPO / ".lab").iterdir():
            if not path.name.startswith(but):
                (own / path.name).symlink_to(path.resolve())
        return own

    def with_release(self, version: str, fault: str = "", schema: int = 1) -> str:
        """Give a copy another release of the clavitor stand-in, with a fault if one is named; its sha256."""
        own = self.own_lab("edge.json")
        artifact = self.root / "build" / version / "clavitor"
        digest = build(version, artifact, fault)
        there = json.loads((REPO / ".lab" / "edge.json").read_text())
        path = str(artifact.relative_to(self.root))
        there["release"] = {"version": version, "path": path, "sha256": digest, "schema_version": schema}
        (own / "edge.json").write_text(json.dumps(there))
        return digest

    def with_secret(self, name: str, value: str) -> None:
        """Give a copy a sealed file of its own in which one secret has another value."""
        own = self.own_lab("secrets.")
        sealed = sealed_copy()
        sealed.put({name: value})
        host = load(REPO / "inventories" / "lab.py").hosts["mainframe"]
        SealedFile(own / "secrets.age", own / "age.txt", host.age_recipients).save(sealed)

    def pyinfra(self, *options: str, stdin: str | None = None, environment: dict | None = None) -> Run:
        """Run pyinfra over the lab's inventory."""
        # Its own: another lane's runs go on at the same time
        record = (self.root if self.root != REPO else REPO / ".lab") / f"changes-{uuid4().hex}.jsonl"
        environment = (
            os.environ
            | (environment or {})
            | {
                "ESTATE_CHANGES_FILE": str(record),
                "PYTHONPATH": str(self.root),
                "PYINFRA_PROGRESS": "off",
            }
        )
        result = subprocess.run(
            [str(BIN / "pyinfra"), "inventories/lab.py", "deploy.py", *options],
            cwd=self.root,
            env=environment,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=900,
        )
        lines = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return Run(result.returncode, result.stdout + result.stderr, [json.loads(line) for line in lines])

    def deploy(self, *options: str, environment: dict | None = None) -> Run:
        """Converge."""
        return self.pyinfra("-y", *options, environment=environment)

    def deploy_when_free(self, *options: str, seconds: float = 90) -> Run:
        """Converge; while a lock is held, wait as an operator would."""
        end = time.monotonic() + seconds
        while True:
            run = self.deploy(*options)
            if run.code != ExitCode.LOCKED or time.monotonic() > end:
                return run
            time.sleep(2)

    def start(self, *options: str) -> subprocess.Popen:
        """A run that goes on while the test does something to it; its output is in `.stdout`."""
        return subprocess.Popen(
            [str(BIN / "pyinfra"), "-y", "inventories/lab.py", "deploy.py", *options],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root), "PYINFRA_PROGRESS": "off"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def dry_run(self, *options: str) -> Run:
        """What would change."""
        return self.pyinfra("--dry", "--diff", *options)


def assert_converges(*options: str) -> None:
    """One deploy mends whatever there is, and after it there is nothing to do."""
    run = Checkout().deploy_when_free(*options)
    assert run.code == 0, run.text
    # A run without changes is itself the proof that there is nothing to do
    if run.changes:
        second = Checkout().dry_run(*options)
        left = sorted(second.keys("plan"))
        assert not second.changes, f"after a run that made {sorted(run.keys('run'))} there is still {left}"


OTHERS = ("vps", "dl380p", "omv", "zurich", "tokyo", "amsterdam")
"""The hosts that no test of the mainframe's lane changes."""
HOSTS = ("mainframe", *OTHERS)

FINGERPRINT = """
files() {
    find /opt/prodg/compose /opt/prodg/secrets /opt/prodg/scripts /etc/ssh /etc/nftables.conf /etc/docker \\
        /etc/sysctl.d /var/lib/estate -type f ! -path '*/lock' ! -name run.lock ! -path '*/estate/journal/*' \\
        "$@" 2>/dev/null | sort
}
files -printf '%p %m %U:%G\\n'
files -exec sha256sum {} +
command -v docker >/dev/null || exit 0
docker ps -aq --no-trunc | sort
docker ps --format '{{.Names}} {{.CreatedAt}}' | sort
"""
"""A script whose output changes when a deploy changed something of the host."""


def fingerprints(names: tuple[str, ...] = HOSTS) -> dict[str, str]:
    """What is on every host."""
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(lambda name: inside(name, FINGERPRINT), names), strict=True))


def sealed_copy() -> Sealed:
    """The lab's sealed secrets, opened."""
    return SealedFile(REPO / ".lab" / "secrets.age", REPO / ".lab" / "age.txt", ()).open()


def estate_command(
    *words: str, stdin: str = "", environment: dict | None = None, timeout: int = 600, root: Path = REPO
) -> Run:
    """Run the estate command over this checkout, or over a copy."""
    result = subprocess.run(
        [str(BIN / "estate"), *words],
        cwd=root,
        env=os.environ | {"COLUMNS": "200", "PYTHONPATH": str(root)} | (environment or {}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Run(result.returncode, result.stdout + result.stderr, [])


def inside(name: str, script: str, check: bool = True) -> str:
    """What a script printed that the lab's engine ran in a host: works however broken the host's network is."""
    argv = ["docker", "exec", "-i", f"estate-lab-{name}", "sh", "-s"]
    result = subprocess.run(argv, input=script, capture_output=True, text=True, errors="replace", timeout=180)
    assert not check or result.returncode == 0, f"{script}: {result.stderr}"
    return result.stdout


def on_host(name: str, script: str, check: bool = True) -> str:
    """What a script, run as root on a lab host, printed."""
    argv = ["ssh", "-F", str(REPO / ".lab" / "ssh_config"), name, "sudo", "-n", "sh", "-s"]
    result = subprocess.run(argv, input=script, capture_output=True, text=True, errors="replace", timeout=180)
    assert not check or result.returncode == 0, f"{script}: {result.stderr}"
    return result.stdout


def image_of(service):
    """The image that the lab's mainframe declares for a service."""
    return str(load(REPO / "inventories" / "lab.py").stacks["mainframe"].service(service).image)


def second_tag(service, tag):
    """Another name in the lab's registry for the image of a service."""
    repository, _, old = image_of(service).removeprefix("docker.io/").rpartition(":")
    url = f"https://127.0.0.1:5000/v2/{repository}/manifests/"
    with httpx.Client(verify=False) as client:  # noqa: S501
        manifest = client.get(url + old, headers={"Accept": MANIFEST})
        manifest.raise_for_status()
        client.put(url + tag, content=manifest.content, headers={"Content-Type": MANIFEST}).raise_for_status()
    return f"docker.io/{repository}:{tag}"
