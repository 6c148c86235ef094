"""Runs a script as root on a lab host and splits what it prints into sections."""

from lab.errors import LabError
from lab.paths import LabPaths
from lab.run import run


def on_host(paths: LabPaths, name: str, script: str, timeout: float = 900) -> dict[str, list[str]]:
    """The lines that a script prints on the host, by the section ("@@NAME") they follow.

    + timeout: seconds
    Raises LabError when the host does not answer or the script fails.
    """
    argv = ["ssh", "-F", str(paths.ssh_config), name, "sudo", "sh", "-s"]
    result = run(argv, stdin=script.encode(), check=False, timeout=timeout)
    if not result.ok:
        said = (result.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise LabError(f"{name} could not be measured: {said}", "look at `estate lab status`")
    return sections(result.stdout)


def sections(text: str) -> dict[str, list[str]]:
    """Non-empty lines by the section they stand in."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if line.startswith("@@"):
            current = found.setdefault(line[2:], [])
        elif line:
            current.append(line)
    return found
