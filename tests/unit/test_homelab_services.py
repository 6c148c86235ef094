"""The homelab's services: limits within each container, secrets as files, nothing open that nobody named."""

import re
from pathlib import Path

import pytest
from factories import homelab, settings

from estate.checks import stack as stack_checks
from estate.inventory import load
from estate.models.backup import NoBackup
from estate.models.stack import Stack
from estate.render.host import tasks_of
from estate.secrets.placeholders import placeholders
from estate.services import CATALOG
from estate.services.couchdb import ADMIN, DATABASE, USER

ROOT = Path(__file__).resolve().parents[2]
PROD = load(ROOT / "inventories" / "prod.py")
HOSTS = [name for name, host in PROD.hosts.items() if host.group == "homelab" and name in PROD.stacks]
SERVICES = [(name, service) for name in HOSTS for service in PROD.stacks[name].containers]
SEED = {
    "postgres": (2, 4, 20),
    "authentik": (2, 3, 30),
    "n8n": (4, 4, 40),
    "rustdesk": (2, 2, 10),
    "monitoring": (2, 4, 50),
    "obsidian": (2, 2, 50),
}


def test_the_containers_have_the_seeds_sizes():
    homelab_hosts = {name: host for name, host in PROD.hosts.items() if host.group == "homelab"}
    gib = 1024**3
    found = {n: (h.resources.cpus, h.resources.memory / gib, h.rootfs.size / gib) for n, h in homelab_hosts.items()}
    assert found == SEED


@pytest.mark.parametrize("name", HOSTS)
def test_limits_leave_something_to_the_container_itself(name):
    host, services = PROD.hosts[name], PROD.stacks[name].containers
    assert sum(s.limits.cpus for s in services) <= host.resources.cpus
    assert sum(s.limits.memory for s in services) <= host.resources.memory - 512 * 1024**2


def test_limits_beyond_the_containers_allotment_are_refused():
    stack = Stack(settings=settings(), services=(CATALOG["authentik-server"], CATALOG["authentik-worker"]))
    small = homelab(resources={"cpus": 1.5, "memory": "2g"}, services=("authentik-server", "authentik-worker"))
    found = [str(fault) for fault in stack_checks.check(small, stack, "x")]
    assert any("limits of 2 CPUs in all, but n8n has 1.5" in fault for fault in found), found
    assert any("limits of 2432m in all, but n8n has 2g" in fault for fault in found), found
    fine = homelab(resources={"cpus": 2, "memory": "3g"}, services=("authentik-server", "authentik-worker"))
    assert [f for f in stack_checks.check(fine, stack, "x") if "limits" in f.fault] == []


@pytest.mark.parametrize(("name", "service"), SERVICES, ids=[s.name for _, s in SERVICES])
def test_passwords_come_as_files_and_not_in_the_environment(name, service):
    """Two cannot: Authentik reads its bootstrap values, and Newt its credentials, from the environment only."""
    variables = {v for v in service.environment.values() if "${" in v}
    assert {v for v in variables if "BOOTSTRAP" not in v} == (
        {"${NEWT_ID}", "${NEWT_SECRET}"} if service.name == "newt" else set()
    )
    for key, value in service.environment.items():
        assert not re.search(r"PASSWORD|SECRET|_KEY", key) or value.startswith(("/run/secrets/", "file:///run/", "${"))


@pytest.mark.parametrize(("name", "service"), SERVICES, ids=[s.name for _, s in SERVICES])
def test_what_is_not_backed_up_says_what_covers_it(name, service):
    assert isinstance(service.backup, NoBackup)
    assert any(word in service.backup.reason for word in ("vzdump", "dumps", "keeps nothing"))


@pytest.mark.parametrize(("name", "service"), SERVICES, ids=[s.name for _, s in SERVICES])
def test_only_rustdesk_is_open_to_everybody_at_home(name, service):
    assert service.name == "hbbs" or all(p.clients for p in service.published)


def test_every_key_without_which_data_cannot_be_read_is_a_secret_that_is_never_rotated():
    fixed = {s.name for n in HOSTS for s in PROD.stacks[n].secrets().values() if s.fixed}
    assert {"AUTHENTIK_SECRET_KEY", "N8N_ENCRYPTION_KEY", "HL_GRAFANA_SECRET_KEY", "RUSTDESK_KEY"} <= fixed


def test_couchdbs_tool_means_the_declared_database_and_users():
    text = (ROOT / "templates" / "couchdb" / "estate.bash.j2").read_text()
    assert f"database={DATABASE} user={USER} admin={ADMIN}" in text


@pytest.mark.parametrize("name", ["postgres", *HOSTS])
def test_secrets_are_in_closed_files_alone(name):
    host, stack = PROD.hosts[name], PROD.stacks.get(name)
    values = placeholders(stack, host)
    for task in tasks_of(host, stack, values).values():
        commands = "".join(handler.command + handler.probe for handler in task.handlers)
        open_text = "".join(f.content.decode() for f in task.tree.files if f.mode & 0o077) + commands
        assert [key for key, value in values.items() if value in open_text] == []
