"""No secret value is seen outside of the files declared for it, whatever runs; controls prove that it would be.

Every value of the lab is random and its own, so each one is a poison.
"""

import secrets
import subprocess

import pytest
import watch
from estate_copy import REPO, Checkout, estate_command, on_host, sealed_copy

from estate.run.store import runs_directory

pytestmark = pytest.mark.lab

INVENTORY = "inventories/lab.py"
LIMIT = ("--limit", "mainframe")
"""For runs that are about Infisical."""
HARMLESS = {"POSTGRES_USER", "POSTGRES_DB", "MINIO_ROOT_USER", "TELEGRAM_CHAT_ID"}
"""Names and numbers that are configuration rather than secrets."""
CONTROL = "estate-argv-control"
OLD = f"old-poison-{secrets.token_hex(16)}"


def poisons() -> dict[str, str]:
    """Every secret of the sealed copy: values, the admin's password, the identities' client secrets."""
    sealed = sealed_copy()
    values = {name: value for name, value in sealed.values().items() if name not in HARMLESS}
    access = sealed.access
    values["admin password"] = access.admin_password.get_secret_value()
    for who in ("operator", "deploy", "host"):
        values[f"{who} token"] = getattr(access, who).secret.secret.get_secret_value()
    return values


def found_in(text: str, values: dict[str, str]) -> list[str]:
    return sorted(name for name, value in values.items() if value in text)


@pytest.fixture(scope="module")
def seen():
    """Everything that verbose runs print, the processes and files seen meanwhile, and all values there have been."""
    estate = Checkout()
    assert estate.deploy().code == 0
    values = {f"{name} (before)": value for name, value in poisons().items()} | {"old": OLD}
    on_host("mainframe", f"sed -i \"s/^HERMES_API_TOKEN=.*/HERMES_API_TOKEN='{OLD}'/\" /opt/prodg/compose/.env")
    watches = [watch.on_mainframe(values | {"control": CONTROL}), watch.on_controller(values | {"control": CONTROL})]
    on_host("mainframe", f"sh -c 'sleep 1; : {CONTROL}' {CONTROL}")
    on_host("mainframe", "touch /tmp/estate-watch-control; chmod 644 /tmp/estate-watch-control; sleep 1")
    broken = "docker exec infisical sh -c 'echo {} >/tmp/estate-fault'"
    texts = {
        "plan": estate.dry_run("-vvv").text,
        "json": estate.pyinfra("--dry", "--json").text,
        "inventory": _run("pyinfra", INVENTORY, "debug-inventory"),
        "run": estate.deploy("-vvv").text,
        "load": on_host("mainframe", "bash -x /opt/prodg/scripts/load-secrets.sh --check >/dev/null; echo done"),
        "audit": estate_command("secrets", "audit", INVENTORY).text,
        "audit json": estate_command("secrets", "audit", INVENTORY, "--json").text,
        "status": estate_command("secrets", "status", INVENTORY).text,
        "sealed": estate.dry_run("-vvv", "--data", "secrets=sealed").text,
    }
    plan = REPO / ".lab" / "leak-plan.json"
    estate_command("plan", INVENTORY, "--out", str(plan))
    texts["saved plan"] = plan.read_text()
    plan.unlink()
    on_host("mainframe", broken.format("500"))
    texts["failing run"] = estate.deploy("-vvv", *LIMIT).text
    on_host("mainframe", broken.format("garbage"))
    texts["garbage"] = estate.deploy("-vvv", *LIMIT).text
    on_host("mainframe", "docker exec infisical rm -f /tmp/estate-fault")
    texts["rotation"] = estate_command("secrets", "rotate", INVENTORY, "REDIS_PASSWORD").text
    texts["reset"] = estate_command("secrets", "reset", INVENTORY, "--data", stdin="lab\n").text
    texts["bootstrap plan"] = estate.dry_run("-vvv", *LIMIT).text
    for one in watches:
        one.texts |= {f"{name} (between)": value for name, value in poisons_of_sealed().items()}
    texts["bootstrap"] = estate.deploy("-vvv", *LIMIT).text
    for one in watches:
        one.stop()
    texts["history"] = estate_command("history", INVENTORY, "--last", "50", "--json").text
    texts["journals"] = on_host("mainframe", "cat /var/lib/estate/journal/* /var/lib/estate/run.lock 2>/dev/null || :")
    paths = sorted(runs_directory().glob("lab/*/report.*"))[-60:]
    texts["reports"] = "".join(path.read_text() for path in paths)
    values |= {f"{name} (after)": value for name, value in poisons().items()}
    return texts, watches, values


def poisons_of_sealed() -> dict[str, str]:
    return {name: value for name, value in sealed_copy().values().items() if name not in HARMLESS}


def _run(*argv):
    from estate_copy import BIN

    result = subprocess.run([str(BIN / argv[0]), *argv[1:]], cwd=REPO, capture_output=True, text=True, timeout=300)
    return result.stdout + result.stderr


KINDS = [
    *("plan", "json", "inventory", "run", "load", "audit", "audit json", "status", "sealed", "failing run", "garbage"),
    *("rotation", "reset", "bootstrap plan", "bootstrap", "saved plan", "history", "journals", "reports"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_is_printed_holds_a_secret(seen, kind):
    texts, _, values = seen
    assert len(texts[kind]) > 4, "nothing was printed: the search proves nothing"
    assert found_in(texts[kind], values) == []


def test_the_runs_did_what_they_are_here_for(seen):
    texts = seen[0]
    assert "HERMES_API_TOKEN" in texts["plan"], "the diff shows the name"
    assert "server fault (500)" in texts["failing run"]
    assert "not a JSON object" in texts["garbage"]
    assert "REDIS_PASSWORD is rotated" in texts["rotation"]
    assert "Set Infisical up" in texts["bootstrap"]
    assert "path /opt/prodg/compose/.env" in texts["saved plan"]
    for kind in ("history", "journals", "reports"):
        assert "/opt/prodg/compose/.env" in texts[kind]


def test_the_search_would_find_a_secret():
    name, value = next(iter(poisons().items()))
    assert found_in(f"some text {value} more", poisons()) == [name]


def test_no_secret_is_in_a_process_list(seen):
    for one in seen[1]:
        assert "control" in one.found, "the sampler saw nothing"
        assert one.found == {"control"}


def test_secret_files_are_closed_to_others_at_every_moment(seen):
    one = seen[1][0]
    assert one.rounds > 1000, "the files were looked at"
    assert one.open == {"/tmp/estate-watch-control"}, "the control is seen, and nothing else"


@pytest.mark.parametrize("host", ["mainframe", "vps", "dl380p", "omv", "zurich", "tokyo", "amsterdam"])
def test_no_secret_is_in_a_hosts_journal_temporary_files_or_histories(seen, host):
    where = "/tmp /var/tmp /dev/shm /root/.bash_history /home/*/.bash_history /var/log"
    script = f"journalctl --no-pager -o cat | tail -n 50000; grep -r -h -a '' {where} 2>/dev/null || :"
    assert found_in(on_host(host, script), seen[2]) == []


def test_no_secret_is_in_a_containers_log(seen):
    script = "for c in $(docker ps -aq); do docker logs $c 2>&1 | tail -n 5000; done"
    text = on_host("mainframe", script)
    assert len(text) > 1000
    assert found_in(text, seen[2]) == []


def test_on_the_host_secrets_are_only_in_files_that_others_cannot_read(seen):
    # Data that services keep are theirs: Infisical's database does hold the values
    readable = "find / -xdev -type f -perm /044 -size -512k -not -path '/proc/*' -not -path '/opt/prodg/data/*' "
    everything = on_host("mainframe", readable + "-not -path '/usr/*' -print0 | xargs -0 cat 2>/dev/null || :")
    assert found_in(everything, seen[2]) == []


def test_the_control_on_the_host_would_be_found():
    name, value = next(iter(poisons().items()))
    on_host("mainframe", f"umask 022; cat >/etc/estate-control <<'EOF'\n{value}\nEOF")
    try:
        assert found_in(on_host("mainframe", "cat /etc/estate-control"), poisons()) == [name]
    finally:
        on_host("mainframe", "rm /etc/estate-control")


def test_no_secret_is_in_the_repository_or_in_a_history_of_this_machine(seen):
    argv = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(argv, cwd=REPO, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = [REPO / name for name in names if name and (REPO / name).is_file()]
    text = "".join(path.read_text(errors="replace") for path in [*paths, *watch.HISTORIES] if path.is_file())
    objects = subprocess.run(["git", "log", "--all", "-p"], cwd=REPO, capture_output=True, text=True, errors="replace")
    assert len(text) > 100_000
    assert found_in(text + objects.stdout, seen[2]) == []


def test_no_secret_is_in_a_temporary_file_of_this_machine(seen):
    argv = ["sh", "-c", "find /tmp /var/tmp -xdev -type f -size -4M -newer .lab/profile -print0 | xargs -0 cat"]
    result = subprocess.run(argv, cwd=REPO, capture_output=True, text=True, errors="replace")
    assert found_in(result.stdout, seen[2]) == []
