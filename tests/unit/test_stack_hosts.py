"""Hosts other than the mainframe that have a compose project: the VPS and the homelab's containers."""

import pytest
from backup_settings import SEED
from factories import homelab, mainframe, settings, stack
from pyrage.x25519 import Identity

from estate.checks import stack as stack_checks
from estate.inventory import resolve_stack
from estate.models.backup import NoBackup
from estate.models.desired import Tree
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Limits, Service
from estate.models.stack import Stack
from estate.render.host import tasks_of
from estate.render.release import release_handler
from estate.secrets.placeholders import placeholders
from estate.services import CATALOG

PLAIN = Service(
    name="plain",
    purpose="Keeps nothing and is asked by nobody",
    image=image("docker.io/library/plain:1"),
    limits=Limits(cpus=1, memory="128m"),
    backup=NoBackup(reason="keeps nothing"),
)


def test_a_host_without_services_has_neither_a_stack_nor_an_engine():
    host = homelab(services=())
    assert not host.has_stack
    assert list(tasks_of(host, None, {})) == ["base", "firewall"]


def test_a_container_with_services_has_an_engine_and_a_project_and_nothing_of_the_mainframes():
    host = homelab(services=("redis",))
    found, faults = resolve_stack(host, "inventories/prod/n8n")
    assert faults == []
    tasks = tasks_of(host, found, dict.fromkeys(found.secrets(), "x"))
    assert list(tasks) == ["base", "firewall", "docker_engine", "docker_stack"]


def test_a_container_that_is_given_backups_gets_the_program_too():
    omv = {"kind": "directory", "name": "omv", "path": "/mnt/omv/n8n", "mount": "/mnt/omv", "filesystems": ["nfs4"]}
    stores = [omv]
    host = homelab(services=("vaultwarden",), backups={"stores": stores})
    found = stack("vaultwarden")
    assert stack_checks.check(host, found, "x") == []
    own = {"BACKUP_IDENTITY": str(Identity.generate()), "BACKUP_SIGNING_SEED": SEED}
    task = tasks_of(host, found, placeholders(found, host) | own)["backups"]
    assert any(file.path == "/opt/prodg/backups/config.json" for file in task.tree.files)


def test_a_stack_without_data_directories_still_makes_a_release():
    """stat, which notes their owners, wants at least one operand."""
    handler = release_handler(Stack(settings=settings(), services=(PLAIN,)), Tree(), ())
    assert "DATA_DIRS=/opt/prodg/data\n" in handler.command


def test_services_without_stack_settings_are_a_fault_of_the_group():
    found, faults = resolve_stack(homelab(services=("redis",), stack=None), "inventories/prod/n8n")
    assert found is None
    assert [fault.path for fault in faults] == ["group_data/homelab/stack"]


def test_a_host_may_give_a_service_other_limits():
    host = homelab(services=("redis",), limits={"redis": {"cpus": 0.25}})
    found, faults = resolve_stack(host, "inventories/prod/n8n")
    assert faults == []
    declared, changed = CATALOG["redis"].limits, found.service("redis").limits
    assert (changed.cpus, changed.memory, changed.pids) == (0.25, declared.memory, declared.pids)


def test_limits_of_a_service_that_is_not_there_are_a_fault():
    _, faults = resolve_stack(homelab(services=("redis",), limits={"reids": {"cpus": 1}}), "inventories/prod/n8n")
    assert [str(fault) for fault in faults] == [
        "inventories/prod/n8n/limits/reids: no such service here; did you mean redis?"
    ]


def test_faults_of_a_container_name_where_its_services_were_written():
    _, faults = resolve_stack(homelab(services=("reids",)), "inventories/prod/n8n")
    assert [str(fault) for fault in faults] == [
        "inventories/prod/n8n/services/reids: no such service; did you mean redis?"
    ]


def test_caddy_needs_to_know_where_certificates_come_from():
    faults = stack_checks.check(homelab(services=("caddy",)), stack("caddy"), "group_data/vps")
    assert "group_data/vps/tls: missing; caddy is among the services: say where certificates come from" in [
        str(fault) for fault in faults
    ]


@pytest.mark.parametrize("name", ["infisical", "headscale"])
def test_what_only_the_mainframe_can_run_is_refused_elsewhere(name):
    faults = stack_checks.check(homelab(services=(name,)), stack(name), "x")
    assert any(fault.path in ("x/secret_store", "x/headscale") for fault in faults)


def test_a_secret_that_two_stacks_declare_differently_is_a_fault():
    one = PLAIN.model_copy(update={"secrets": (SecretSpec(name="KEY", kind=SecretKind.PASSWORD, purpose="a"),)})
    two = PLAIN.model_copy(update={"secrets": (SecretSpec(name="KEY", kind=SecretKind.PASSWORD, purpose="b"),)})
    stacks = {name: Stack(settings=settings(), services=(service,)) for name, service in (("a", one), ("b", two))}
    where = {"a": "inventories/prod/a", "b": "group_data/vps"}
    assert [str(fault) for fault in stack_checks.across(stacks, where)] == [
        "group_data/vps/services: declares KEY in another way than a does; share one declaration"
    ]
    assert stack_checks.across(stacks | {"b": stacks["a"]}, where) == []


def test_the_mainframe_always_has_a_stack():
    assert mainframe(services=()).has_stack
