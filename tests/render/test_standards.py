"""The estate's standards, asserted on the rendered compose file; and what removing a service leaves behind."""

import json
import re

import pytest
import yaml
from factories import mainframe, stack

from estate.models.stack_settings import HeadscaleSettings
from estate.plan.containers import wanted_inputs
from estate.render.compose import secrets_in
from estate.render.stack import stack_tree
from estate.secrets.placeholders import placeholders

HOST = mainframe(headscale=HeadscaleSettings(base_domain="tail.example.org", users=("a",)))


def rendered(whole, **secrets):
    return {file.path: file for file in stack_tree(HOST, whole, placeholders(whole) | secrets).tree.files}


def compose(files):
    return files["/opt/prodg/compose/docker-compose.yml"].content.decode()


SERVICES = yaml.safe_load(compose(rendered(stack())))["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_meets_the_standards(name):
    service = SERVICES[name]
    health = service["healthcheck"]
    assert (health["interval"], health["timeout"], health["retries"]) == ("30s", "5s", 5)
    assert health["start_period"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["restart"] == "unless-stopped"
    assert {"mem_limit", "cpus", "pids_limit"} <= service.keys()
    assert service["logging"]["options"]["max-size"] == "10m"
    assert not service["image"].endswith(":latest")
    assert all(need == {"condition": "service_healthy"} for need in service.get("depends_on", {}).values())


def test_only_caddy_publishes_ports():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["caddy"]


def test_no_secret_value_is_in_the_compose_file():
    whole = stack()
    poison = {name: f"poison-{name}" for name in whole.secrets() if name != "TELEGRAM_CHAT_ID"}
    files = rendered(whole, **poison)
    assert "poison-" not in compose(files)
    holders = {path for path, file in files.items() if b"poison-" in file.content}
    assert holders, "a control: the values do arrive where they belong"
    assert all(files[path].mask and files[path].mode & 0o077 == 0 for path in holders)


def test_a_secret_that_is_missing_stops_compose_instead_of_becoming_empty():
    assert SERVICES["infisical"]["environment"]["AUTH_SECRET"].startswith("${INFISICAL_AUTH_SECRET:?")


def test_each_container_sees_only_the_secrets_that_it_declares():
    whole = stack()
    files = rendered(whole, **{name: f"poison-{name}" for name in whole.secrets() if name != "TELEGRAM_CHAT_ID"})
    document = yaml.safe_load(compose(files))["services"]
    for service in whole.containers:
        declared = {spec.name for spec in service.secrets}
        named = set(re.findall(r"\$\{([A-Z0-9_]+)", json.dumps(document[service.name].get("environment", {}))))
        assert named <= declared, service.name
        mounts = [v["source"] + "/" for v in document[service.name].get("volumes", [])]
        seen = b"".join(f.content for path, f in files.items() if path.startswith(tuple(mounts)))
        others = [name for name in whole.secrets() if name not in declared and f"poison-{name}".encode() in seen]
        assert others == [], service.name


def test_secrets_that_come_as_files_are_not_in_the_environment():
    for service in stack().containers:
        in_files = {item.secret for item in service.secret_files}
        assert not in_files & set(secrets_in(service)), service.name


def test_a_new_secret_changes_the_inputs_of_its_consumers_only():
    whole = stack()
    before = wanted_inputs(compose(rendered(whole)))
    after = wanted_inputs(compose(rendered(whole, HERMES_API_TOKEN="another")))
    assert {name for name in before if before[name] != after[name]} == {"hermes-api"}


@pytest.mark.parametrize("name", ["grafana", "hermes-api", "vaultwarden", "cadvisor"])
def test_removing_a_service_leaves_no_trace_and_does_not_touch_the_others(name):
    whole = stack()
    less = whole.model_copy(update={"services": tuple(s for s in whole.services if s.name != name)})
    before, after = rendered(whole), rendered(less)
    for path, file in after.items():
        assert f"/{name}/" not in path
        words = (
            file.content.decode().replace("hermes-api", "hermes_api") if name != "hermes-api" else file.content.decode()
        )
        assert f"{name}:" not in words, f"{path} still names {name}"
    old, new = wanted_inputs(compose(before)), wanted_inputs(compose(after))
    dependants = {s.name for s in whole.services if name in s.depends_on}
    for other in new.keys() - dependants:
        changed = {key for key in new[other] if new[other][key] != old[other].get(key)}
        # a file that lists the services (dashboards, targets) does change
        assert all(key.startswith("file ") for key in changed), f"{other}: {changed}"


def test_the_inputs_label_survives_compose_interpolation():
    for service in SERVICES.values():
        label = service["labels"]["estate.inputs"].replace("$$", "$")
        assert json.loads(label)
