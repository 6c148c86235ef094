"""A node as a task of the deploy: what makes it due, what is hidden, in which order nodes take their turn."""

import stat
import subprocess
from hashlib import sha256

import pytest
from edge_fleet import NODES, host, keys, laptop, mesh, public_key
from pydantic import ValidationError

from estate.edge.health import Sample, error_fault, sample, telemetry_faults
from estate.edge.waves import steps
from estate.models.edge import Offsite, Release, Rollout, Telemetry
from estate.models.faults import EstateFaults
from estate.models.host import EdgeHost
from estate.render.edge import GENERATION, MONITORS, OFFSITE_ENVIRONMENT, edge, rollback_script, undo, wanted_of
from estate.render.operator import wg_quick
from estate.rollout import rotate
from estate.rollout.artifact import check_artifact

VALUES = {"EDGE_PUSH_SEED": "5eed" * 16, "EDGE_KUMA_PASSWORD": "x" * 40}


def node(name, fleet=None):
    fleet = fleet or mesh()
    values = host().model_dump() | {"name": name, "group": "edge", "address": "10.84.0.9", "mesh": fleet}
    return EdgeHost.model_validate({key: value for key, value in values.items() if key != "system"})


def generation(desired):
    return next(handler for handler in desired.handlers if handler.name == GENERATION)


def test_the_probe_asks_what_runs_and_not_what_we_remember():
    mine = node("tokyo")
    wanted = wanted_of(mine, keys())
    probe = generation(edge(mine, keys(), VALUES)).probe
    assert "/run/current-system/etc/estate/configuration" in probe
    assert wanted.configuration in probe
    assert f"releases/{mine.mesh.release.sha256[:16]}" in probe


@pytest.mark.parametrize(
    "change",
    [
        {"release": Release(version="1.0.1", sha256="1" * 64, path="build/clavitor")},
        {"release": Release(version="1.0.0", sha256="0" * 64, path="build/clavitor", schema_version=2)},
        {"keepalive": 20},
        {"telemetry": Telemetry(interval=10)},
    ],
)
def test_whatever_a_node_runs_makes_it_due(change):
    before = generation(edge(node("tokyo"), keys(), VALUES)).digest
    assert generation(edge(node("tokyo", mesh(**change)), keys(), VALUES)).digest != before


OFFSITE = VALUES | {"EDGE_OFFSITE_KEY_ID": "an-id", "EDGE_OFFSITE_KEY": "the-key-itself"}


@pytest.mark.parametrize(
    ("store", "lines"),
    [
        (Offsite(bucket="some-bucket"), {"TYPE=b2", "ACCOUNT=an-id", "KEY=the-key-itself"}),
        (
            Offsite(bucket="some-bucket", kind="s3", endpoint="https://s3.example", region="eu-1"),
            {
                *("TYPE=s3", "PROVIDER=Other", "ACCESS_KEY_ID=an-id", "SECRET_ACCESS_KEY=the-key-itself"),
                *("ENDPOINT=https://s3.example", "REGION=eu-1", "NO_CHECK_BUCKET=true"),
            },
        ),
    ],
)
def test_the_hub_alone_has_the_key_of_the_store_and_no_diff_shows_it(store, lines):
    fleet = mesh(offsite=store)
    found = {file.path: file for file in edge(node("zurich", fleet), keys(fleet), OFFSITE).tree.files}
    file = found[OFFSITE_ENVIRONMENT]
    assert set(file.content.decode().splitlines()) == {f"RCLONE_CONFIG_OFFSITE_{line}" for line in lines}
    assert (file.mode, file.owner, file.mask) == (0o400, "root", "dotenv")
    assert not [path for path, other in found.items() if other is not file and b"the-key-itself" in other.content]
    spoke = edge(node("tokyo", fleet), keys(fleet), OFFSITE).tree.files
    assert not [file for file in spoke if b"the-key-itself" in file.content or b"an-id" in file.content]


@pytest.mark.parametrize("wrong", [{"kind": "s3"}, {"endpoint": "https://s3.example"}, {"bucket": "a/b"}])
def test_a_store_says_where_it_is(wrong):
    with pytest.raises(ValidationError):
        Offsite.model_validate({"bucket": "some-bucket"} | wrong)


def test_another_seed_makes_every_node_due():
    other = VALUES | {"EDGE_PUSH_SEED": "0dd" * 16}
    for name in ("zurich", "tokyo"):
        digests = {generation(edge(node(name), keys(), values)).digest for values in (VALUES, other)}
        assert len(digests) == 2


def test_how_a_change_goes_through_the_fleet_makes_no_node_due():
    before = generation(edge(node("tokyo"), keys(), VALUES)).digest
    slower = mesh(rollout=Rollout(soak=600, at_once=1))
    assert generation(edge(node("tokyo", slower), keys(), VALUES)).digest == before


def test_secrets_are_masked_closed_and_in_no_configuration():
    for name in ("zurich", "tokyo"):
        desired = edge(node(name), keys(), VALUES)
        secret = [file for file in desired.tree.files if file.mask]
        assert {file.path for file in secret} >= {"/etc/clavitor/env"}
        assert all(file.mode & (stat.S_IRWXO | stat.S_IWGRP) == 0 for file in secret)
        token = next(f for f in secret if f.path == "/etc/clavitor/env").content.split(b"=")[1].strip()
        others = b"".join(file.content for file in desired.tree.files if not file.mask)
        assert token not in others + repr(desired.handlers).encode()


def test_the_bridge_lets_in_what_the_node_shows():
    hub = edge(node("zurich"), keys(), VALUES)
    secrets = next(file for file in hub.tree.files if file.path == "/etc/push-bridge/secrets.json").content
    for one in NODES:
        env = next(file for file in edge(node(one.name), keys(), VALUES).tree.files if file.path == "/etc/clavitor/env")
        assert env.content.split(b"=")[1].strip() in secrets


def test_preshared_keys_are_the_same_at_both_ends_and_another_for_each_spoke():
    fleet = mesh(preshared_keys=True)

    def psk(name):
        found = edge(node(name, fleet), keys(), VALUES).tree.files
        return {file.path.rpartition("/")[2]: file.content for file in found if "/psk/" in file.path}

    at_hub = psk("zurich")
    assert set(at_hub) == {one.name for one in NODES[1:]}
    assert psk("tokyo") == {"zurich": at_hub["tokyo"]}
    assert len(set(at_hub.values())) == len(at_hub)


def test_only_the_hub_has_monitors_and_a_node_more_makes_them_due():
    digest = {h.name: h.digest for h in edge(node("zurich"), keys(), VALUES).handlers}[MONITORS]
    fewer = mesh(nodes=NODES[:-1])
    assert {h.name: h.digest for h in edge(node("zurich", fewer), keys(), VALUES).handlers}[MONITORS] != digest
    assert MONITORS not in {h.name for h in edge(node("tokyo"), keys(), VALUES).handlers}


def test_scripts_are_scripts(tmp_path):
    texts = [undo(), rollback_script("tokyo.clavitor.com"), generation(edge(node("tokyo"), keys(), VALUES)).command]
    texts += [rotate.MAKE, rotate.USE, rotate.KEEP, rotate.EXPECT, rotate.MOVE, rotate.FORGET, rotate.SHAKEN]
    for text in texts:
        result = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr


def test_nodes_take_their_turn_and_those_that_are_left_out_leave_no_gap():
    fleet = mesh(rollout=Rollout(at_once=2))
    names = {one.name for one in NODES}
    order = steps(fleet, names)
    assert [step.title for step in order] == [
        "Edge canary",
        "Edge early",
        "Edge rest 1 of 2",
        "Edge rest 2 of 2",
        "Edge hub",
    ]
    assert sorted(name for step in order for name in step.names) == sorted(names)
    assert max(len(step.names) for step in order) <= 2
    fewer = steps(fleet, {"zurich", "tokyo"})
    assert [(step.title, step.names) for step in fewer] == [("Edge canary", ("tokyo",)), ("Edge hub", ("zurich",))]


STATUS = {
    "now": 1000.0,
    "nodes": {
        "tokyo": {"received": 990, "payload": {"db_integrity": "ok", "disk_pct": 40, "req_1h": 100, "err_1h": 3}},
        "dallas": {"received": None, "payload": None},
    },
}


@pytest.mark.parametrize(
    ("name", "since", "change", "said"),
    [
        ("tokyo", 980, {}, []),
        ("tokyo", 990, {}, ["no telemetry since the switch"]),
        ("dallas", 0, {}, ["no telemetry since the switch"]),
        ("nobody", 0, {}, ["no telemetry since the switch"]),
        ("tokyo", 980, {"db_integrity": "row 3 missing"}, ["db_integrity is row 3 missing"]),
        ("tokyo", 980, {"disk_pct": 99}, ["disk is 99 % full"]),
    ],
)
def test_what_telemetry_says_of_a_switched_node(name, since, change, said):
    status = {"nodes": {k: dict(v) for k, v in STATUS["nodes"].items()}}
    if change:
        status["nodes"][name]["payload"] = status["nodes"][name]["payload"] | change
    assert telemetry_faults(status, name, since, Telemetry()) == said


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (Sample(100, 1), Sample(100, 2), False),
        (Sample(100, 1), Sample(100, 50), True),
        (Sample(100, 20), Sample(100, 35), False),
        (Sample(100, 20), Sample(100, 41), True),
        (Sample(), Sample(5, 5), False),
        (Sample(), Sample(20, 20), True),
    ],
)
def test_errors_that_rise(before, after, fault):
    assert bool(error_fault(before, after, Rollout(), Telemetry())) is fault


def test_a_node_that_never_pushed_has_no_errors():
    assert sample(STATUS, "dallas") == Sample()
    assert sample(STATUS, "tokyo") == Sample(100, 3)


def test_an_operators_configuration_has_no_secret_and_routes_the_mesh_alone(tmp_path):
    text = wg_quick(mesh(), laptop(), keys(), tmp_path / "private.key")
    assert f"PublicKey = {keys().nodes['zurich']}" in text
    assert "AllowedIPs = 10.84.0.0/24\n" in text
    assert "Address = 10.84.0.240/32" in text
    assert "PrivateKey" not in text


def test_without_the_hubs_key_there_is_nothing_to_connect_to(tmp_path):
    with pytest.raises(EstateFaults, match="estate edge install"):
        wg_quick(mesh(), laptop(), keys().without("zurich"), tmp_path / "private.key")


def test_an_artifact_is_taken_only_when_it_is_the_declared_one(tmp_path):
    path = tmp_path / "clavitor"
    path.write_bytes(b"binary")
    release = Release(version="1.0.0", sha256=sha256(b"binary").hexdigest(), path="clavitor")
    check_artifact(path, release)
    with pytest.raises(EstateFaults, match="has sha256"):
        check_artifact(path, release.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(EstateFaults, match="is not there"):
        check_artifact(tmp_path / "nothing", release)


def test_a_key_that_a_node_moves_to_is_known_to_the_hub_alone():
    moving = keys().with_following("tokyo", public_key("next"))
    spoke = {name: generation(edge(node(name), keys(), VALUES)).digest for name in ("tokyo", "zurich")}
    after = {name: generation(edge(node(name), moving, VALUES)).digest for name in ("tokyo", "zurich")}
    assert after["tokyo"] == spoke["tokyo"]
    assert after["zurich"] != spoke["zurich"]
