"""What a stack's release consists of, and which services are copied or doubled before their containers change."""

import pytest
from factories import mainframe, stack

from estate.checks.stack import check
from estate.facts.parse import parse
from estate.models.service import Migration
from estate.models.stack_settings import HeadscaleSettings
from estate.operations.stack import up_script
from estate.plan.change import Change
from estate.plan.containers import Snapshot, containers, rolling, snapshot
from estate.plan.state import ContainerState
from estate.render.stack import stack_tree
from estate.services import CATALOG


class Values(dict):
    """A value for every secret."""

    def __missing__(self, name):
        return f"value-of-{name}"


def running(*names, **over):
    values = {"image": "docker.io/old:1", "status": "running", "health": "healthy", "inputs": {}} | over
    return {name: ContainerState(service=name, name=name, **values) for name in names}


def recreate(*names):
    return [Change("container", name, "recreate", ("image",)) for name in names]


STACK = stack("infisical", "infisical-db", "infisical-redis", "hermes-api", "vaultwarden", "caddy")


@pytest.fixture(scope="module")
def desired():
    return stack_tree(mainframe(headscale=HeadscaleSettings(base_domain="t.internal")), STACK, Values())


def test_the_release_comes_after_all_other_handlers_and_changes_with_the_tree(desired):
    release = desired.handlers[-1]
    assert release.name == "prodg-release"
    assert release.digest == desired.tree.digest
    for handler in desired.handlers[:-1]:
        assert handler.name in release.command


def test_a_new_image_has_the_data_copied_that_it_migrates():
    there = running("infisical", "infisical-db", "vaultwarden")
    assert snapshot(STACK, recreate("infisical", "vaultwarden"), there) == Snapshot(
        ("infisical", "infisical-db", "vaultwarden"),
        (("infisical-db", "/opt/prodg/data/infisical-db"), ("vaultwarden", "/opt/prodg/data/vaultwarden")),
    )


@pytest.mark.parametrize("name", ["hermes-api", "caddy"])
def test_services_without_a_migration_are_not_copied(name):
    assert snapshot(STACK, recreate(name), running(name)) == Snapshot()


def test_the_same_image_or_a_first_start_copies_nothing():
    there = running("vaultwarden", image=str(CATALOG["vaultwarden"].image))
    assert snapshot(STACK, recreate("vaultwarden"), there) == Snapshot()
    assert snapshot(STACK, [Change("container", "vaultwarden", "create", ("x",))], {}) == Snapshot()


def test_only_what_is_declared_so_and_runs_is_doubled():
    changes = recreate("hermes-api", "vaultwarden")
    assert rolling(STACK, changes, running("hermes-api", "vaultwarden")) == ("hermes-api",)
    assert rolling(STACK, changes, running("hermes-api", "vaultwarden", status="exited")) == ()
    assert rolling(STACK, [Change("container", "hermes-api", "create", ("x",))], {}) == ()


def test_a_rolling_service_is_brought_up_apart_from_the_others(desired):
    text = up_script(STACK, desired, recreate("hermes-api", "caddy"), running("hermes-api", "caddy"))
    assert "\nSERVICES=caddy\n" in text
    assert "\nROLLING=hermes-api\n" in text


def test_no_secret_is_in_the_scripts(desired):
    text = up_script(STACK, desired, recreate("hermes-api", "infisical"), running("hermes-api", "infisical"))
    assert "value-of-" not in text
    assert "value-of-" not in desired.handlers[-1].command


def test_a_second_container_that_is_left_is_deleted_and_is_not_the_service():
    line = 'C\t{"name":"/hermes-api-next","service":"","image":"i","status":"running","health":"","inputs":"{}"}'
    there = parse([line]).containers
    wanted = {service.name: {"image": "x"} for service in STACK.containers}
    (left,) = [c for c in containers(STACK, wanted, there, {}) if c.action == "delete"]
    assert (left.name, left.why) == ("hermes-api-next", ("left by a deploy that was cut off",))


@pytest.mark.parametrize(
    ("name", "update", "message"),
    [
        ("infisical", {"migration": Migration(data_of=("nobody",))}, "nobody is not a service here"),
        ("vaultwarden", {"rolling": True}, "two at once would share ports or data"),
        ("hermes-api", {"health": None}, "nobody knows when the new one serves"),
    ],
)
def test_declarations_that_cannot_work_are_faults(name, update, message):
    services = tuple(s.model_copy(update=update) if s.name == name else s for s in STACK.services)
    faults = check(mainframe(), STACK.model_copy(update={"services": services}), "mainframe")
    assert any(message in str(fault) for fault in faults)


def test_what_is_declared_has_none_of_these_faults():
    faults = check(mainframe(), stack(), "mainframe")
    assert not [f for f in faults if "migration" in str(f) or "rolling" in str(f)]
