"""The machine's Docker engine, through its command line."""

import subprocess
from dataclasses import dataclass

from lab.errors import CommandError
from lab.run import Result, as_root, run

LABEL = "estate.lab"
INPUTS = "estate.lab.inputs"


@dataclass(frozen=True)
class Docker:
    """The docker command, perhaps behind `sudo -n`."""

    prefix: tuple[str, ...] = ("docker",)

    def run(self, *args: str, stdin: bytes | None = None, check: bool = True, timeout: float = 900) -> Result:
        """Run one docker command."""
        return run([*self.prefix, *args], stdin=stdin, check=check, timeout=timeout)

    def lines(self, *args: str) -> list[str]:
        """Run one docker command and return the lines that it prints."""
        return self.run(*args).stdout.split("\n")[:-1]

    def answers(self) -> bool:
        """True when an engine answers."""
        return self.run("info", "--format", "{{.ServerVersion}}", check=False, timeout=60).ok

    def version(self) -> str:
        """The engine's version."""
        return self.run("version", "--format", "{{.Server.Version}}").stdout.strip()

    def exec(self, container: str, *argv: str, check: bool = True, timeout: float = 60) -> Result:
        """Run a command in a running container."""
        return self.run("exec", container, *argv, check=check, timeout=timeout)

    def import_stream(self, producer: list[str], options: list[str]) -> str:
        """Import the tar stream that a command writes as an image; return the image's id."""
        importer = [*self.prefix, "import", *options, "-"]
        with subprocess.Popen(producer, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as source:
            done = subprocess.run(importer, stdin=source.stdout, capture_output=True, check=False)
            _, errors = source.communicate()
        image, said = done.stdout.decode().strip(), errors.decode(errors="replace")
        if source.returncode:
            if image:
                self.run("rmi", image, check=False)
            raise CommandError(producer, source.returncode, "", said, "check that apt works on this machine")
        if done.returncode:
            raise CommandError(importer, done.returncode, image, done.stderr.decode(errors="replace"))
        return image


def find_docker() -> Docker | None:
    """A docker command behind which an engine answers, or none."""
    plain = Docker()
    elevated = Docker(tuple(as_root(["docker"])))
    candidates = [plain] if plain == elevated else [plain, elevated]
    return next((docker for docker in candidates if docker.answers()), None)
