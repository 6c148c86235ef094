"""No secret value is ever printed, logged or visible in a process list; a control proves that it would be found."""

import json
import subprocess
import threading

import pytest
from estate_copy import REPO, Checkout, on_host

pytestmark = pytest.mark.lab

HARMLESS = {"POSTGRES_USER", "POSTGRES_DB", "MINIO_ROOT_USER", "TELEGRAM_CHAT_ID"}
"""Names and numbers that are configuration rather than secrets."""


def secret_values() -> dict[str, str]:
    loaded = json.loads((REPO / ".lab" / "secrets.json").read_text())
    return {name: value for name, value in loaded.items() if name not in HARMLESS}


def found_in(text: str) -> list[str]:
    return sorted(name for name, value in secret_values().items() if value in text)


class ArgvSampler(threading.Thread):
    """Reads every process's command line on the mainframe, again and again."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        loop = "while :; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; sleep 0.01; done"
        argv = ["ssh", "-F", str(REPO / ".lab" / "ssh_config"), "mainframe", "sudo", "-n", "sh", "-c", f'"{loop}"']
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.seen = ""
        self.start()

    def run(self) -> None:
        values = secret_values().values()
        control = "estate-argv-control"
        assert self.process.stdout is not None
        for chunk in iter(lambda: self.process.stdout.read(65536), ""):
            self.seen += "".join(value for value in (*values, control) if value in chunk)

    def stop(self) -> str:
        self.process.terminate()
        self.join(timeout=10)
        return self.seen


@pytest.fixture(scope="module")
def outputs():
    """Everything that verbose runs with something to change print, and the processes seen meanwhile."""
    estate = Checkout()
    on_host("mainframe", "sed -i 's/^HERMES_API_TOKEN=.*/HERMES_API_TOKEN=old-poison-value/' /opt/prodg/compose/.env")
    sampler = ArgvSampler()
    on_host("mainframe", "sh -c 'sleep 1 # estate-argv-control' estate-argv-control")
    texts = {
        "plan": estate.dry_run("-vvv").text,
        "run": estate.deploy("-vvv").text,
        "json": estate.pyinfra("--dry", "--json").text,
    }
    return texts, sampler.stop()


@pytest.mark.parametrize("kind", ["plan", "run", "json"])
def test_no_secret_is_printed(outputs, kind):
    text = outputs[0][kind]
    assert len(text) > 500, "nothing was printed: the search proves nothing"
    assert found_in(text) == []
    assert "old-poison-value" not in text


def test_the_search_would_find_a_secret():
    name, value = next(iter(secret_values().items()))
    assert found_in(f"some text {value} more") == [name]


def test_no_secret_is_in_a_process_list(outputs):
    assert "estate-argv-control" in outputs[1], "the sampler saw nothing"
    assert found_in(outputs[1]) == []


def test_no_secret_is_in_the_journal_or_in_temporary_files_of_any_host(outputs):
    for host in ("mainframe", "vps"):
        text = on_host(host, "journalctl --no-pager -o cat | tail -n 20000; cat /tmp/* /var/tmp/* 2>/dev/null || :")
        assert found_in(text) == []


def test_secrets_are_only_in_files_that_others_cannot_read(outputs):
    values = secret_values()
    readable = "find /opt/prodg/compose /var/lib/estate /etc -xdev -type f -perm /044 -size -512k -print0"
    listing = on_host("mainframe", f"{readable} | xargs -0 cat")
    leaked = [name for name, value in values.items() if value in listing]
    assert leaked == []
