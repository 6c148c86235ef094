"""Bad declarations: each is refused with its path, the fault and a remedy, and all of them at once."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from factories import mainframe, stack

from estate import inventory
from estate.checks import stack as stack_checks
from estate.models.faults import EstateFaults
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import DataDir, Published, Route
from estate.services import CATALOG

REPO = Path(__file__).resolve().parents[2]
MAINFRAME = "group_data/mainframe.py"
PROD = "inventories/prod.py"
EDGE = "group_data/edge.py"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A copy of production's declarations that a test may spoil."""
    for part in ("inventories", "group_data"):
        shutil.copytree(REPO / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(inventory, "ROOT", tmp_path)
    inventory.load.cache_clear()
    yield tmp_path
    inventory.load.cache_clear()


def spoil(root, path, old, new):
    file = root / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def faults(root):
    with pytest.raises(EstateFaults) as caught:
        inventory.load(root / PROD)
    return [str(fault) for fault in caught.value.faults]


def test_production_has_no_faults(root):
    assert len(inventory.load(root / PROD).hosts) == 27


TABLE = [
    (
        MAINFRAME,
        '"grafana",',
        '"grafna",',
        "group_data/mainframe/services/grafna: no such service; did you mean grafana?",
    ),
    (
        MAINFRAME,
        '"redis",',
        "",
        "group_data/mainframe/services/hermes-api/depends_on: redis is not a service here; add it",
    ),
    (MAINFRAME, '"caddy",', "", "group_data/mainframe/services: 6 routes but no caddy to serve them; add caddy"),
    (MAINFRAME, '"docs",', '"docs",\n    "docs",', "group_data/mainframe/services/docs: is named twice; name it once"),
    (MAINFRAME, "172.28.0.0/24", "172.28.0.300/24", "group_data/mainframe/stack/subnet: "),
    (MAINFRAME, "172.28.0.0/24", "172.30.1.0/24", "overlaps docker/address_pool 172.30.0.0/16; choose another subnet"),
    (
        MAINFRAME,
        "images: dict[str, str] = {}",
        'images = {"redis": "Redis:7"}',
        'images/redis: "Redis:7" is not an image',
    ),
    (MAINFRAME, "images: dict[str, str] = {}", 'images = {"redis": "redis:latest"}', "images/redis: "),
    (
        MAINFRAME,
        "images: dict[str, str] = {}",
        'images = {"rediss": "redis:7"}',
        "no such service here; did you mean redis?",
    ),
    (MAINFRAME, "docs = {", "dcos = {", "group_data/mainframe/dcos: unknown key; did you mean docs?"),
    (MAINFRAME, '{"rebuild": False}', '{"rebuild": "perhaps"}', "group_data/mainframe/docs/rebuild: "),
    (MAINFRAME, '{"email": "mitch@prodg.studio"}', '{"email": "nobody"}', "group_data/mainframe/tls/email: "),
    (
        MAINFRAME,
        '"cpus": 16',
        '"cpus": 1',
        "services/postgres/limits/cpus: 2 CPUs, but mainframe has 1; lower the limit",
    ),
    (MAINFRAME, '"64g"', '"4g"', "but mainframe has 4g; lower limits, or take services out"),
    (MAINFRAME, '"64g"', '"plenty"', '"plenty" is not a size; write for example 512m or 4g'),
    (
        MAINFRAME,
        "tail.prodg.internal",
        "prodg.studio",
        '"prodg.studio" contains ts.mainframe.prodg.studio, which Headscale',
    ),
    (
        MAINFRAME,
        '"user": "prodgroup"',
        '"user": "progroup"',
        "preauth_keys/0/user: progroup is not a user; did you mean prodg",
    ),
    (EDGE, '"index": 3,', '"index": 2,', "newjersey"),
    (EDGE, '"role": "hub"', '"role": "spoke"', "exactly one node is the hub, not 0"),
    (EDGE, '"role": "hub"', '"role": "king"', "group_data/edge/mesh/nodes/0/role: "),
    (EDGE, '"plan": "vc2-1c-1gb"', '"plan": "vc2-1c-7gb"', "group_data/edge/mesh"),
    (EDGE, '"budget": 100', '"budget": 10', "group_data/edge/mesh/budget: "),
    (PROD, '"vmid": 141', '"vmid": 1', "inventories/prod/postgres/vmid: "),
    (PROD, "10.20.0.42", "10.20.0.41", 'inventories/homelab/authentik: address "10.20.0.41" is also that of postgres'),
    (
        PROD,
        "nas = [",
        "storage = [",
        "inventories/prod/omv: is in 0 of the known groups; put it in exactly one of mainframe",
    ),
    (
        "group_data/all.py",
        '"admin": True',
        '"admin": False',
        "users: nobody could log in to vps; make one user an admin",
    ),
    (
        "group_data/prod.py",
        "ssh-ed25519 A",
        "ssh-rsa A",
        "is not an ed25519 public key; make one with ssh-keygen -t ed25519",
    ),
]


@pytest.mark.parametrize(("path", "old", "new", "expected"), TABLE, ids=[row[3][:60] for row in TABLE])
def test_a_bad_declaration_is_refused_with_its_path_and_a_remedy(root, path, old, new, expected):
    spoil(root, path, old, new)
    assert any(expected in fault for fault in faults(root)), faults(root)


def test_all_faults_of_all_hosts_come_in_one_message(root):
    spoil(root, MAINFRAME, '"grafana",', '"grafna",')
    spoil(root, PROD, '"vmid": 141', '"vmid": 1')
    spoil(root, "group_data/vps.py", '"4g"', '"much"')
    text = "\n".join(faults(root))
    assert "grafna" in text
    assert "vmid" in text
    assert "group_data/vps/resources/memory" in text


def test_an_inventory_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(EstateFaults, match=r"no such inventory; choose one of inventories/lab.py, inventories/prod.py"):
        inventory.load(REPO / "inventories" / "prd.py")


def service(name, **changes):
    return CATALOG[name].model_copy(update=changes)


def checked(*services):
    whole = stack("caddy").model_copy(update={"services": (CATALOG["caddy"], *services)})
    return [str(fault) for fault in stack_checks.check(mainframe(services=("caddy",)), whole, "x")]


BETWEEN = [
    (
        (service("vaultwarden"), service("infisical", routes=(Route(host="vault"),), depends_on=())),
        'x/services/infisical/route/host: "vault" is also used by vaultwarden; choose another host',
    ),
    (
        (service("vaultwarden", published=(Published(host=443, container=1),)),),
        "x/services/vaultwarden/ports: 443/tcp is also taken by caddy; choose another port",
    ),
    (
        (service("vaultwarden", port=None),),
        "x/services/vaultwarden/route/host: a route needs a port to send requests to; declare the service's port",
    ),
    (
        (service("redis", depends_on=("postgres",)), service("postgres", depends_on=("redis",))),
        "x/services: dependency cycle",
    ),
    (
        (service("redis"), service("vaultwarden", data=(DataDir(path="redis", target="/data"),), user="70:70")),
        "x/services/vaultwarden/data/redis: shared by uid 70 and by redis's uid 1000; give each its own directory",
    ),
    (
        (service("redis", environment={"A": "${OTHER}"}),),
        "x/services/redis/secrets: the environment names OTHER, which the service does not declare",
    ),
    (
        (
            service("redis"),
            service(
                "vaultwarden",
                secrets=(SecretSpec(name="REDIS_PASSWORD", kind=SecretKind.HEX, purpose="another"),),
                environment={},
            ),
        ),
        "x/services: redis, vaultwarden declare REDIS_PASSWORD differently; share one declaration",
    ),
    ((service("redis", limits=None),), "x/services/redis/limits: missing"),
]


@pytest.mark.parametrize(("services", "expected"), BETWEEN, ids=[row[1][:60] for row in BETWEEN])
def test_services_that_do_not_go_together_are_refused(services, expected):
    found = checked(*services)
    assert any(expected in fault for fault in found), found


@pytest.mark.parametrize(
    "reference", ["", "UPPER:1", "redis", "redis:latest", "a b:1", "redis:7@sha256:short", "http://x/y:1"]
)
def test_an_image_reference_that_is_malformed_or_moves_is_refused(reference):
    with pytest.raises(ValueError):
        image(reference)


def test_image_references_are_completed():
    assert str(image("redis:7")) == "docker.io/library/redis:7"
    assert str(image("ghcr.io/a/b:1@sha256:" + "0" * 64)) == "ghcr.io/a/b:1@sha256:" + "0" * 64


def test_pyinfra_itself_stops_with_the_faults_before_it_connects(tmp_path):
    for part in ("inventories", "group_data", "estate", "tasks", "lab", "templates"):
        shutil.copytree(REPO / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("deploy.py", "config.py"):
        shutil.copy(REPO / name, tmp_path / name)
    spoil(tmp_path, MAINFRAME, '"grafana",', '"grafna",')
    result = subprocess.run(
        [str(Path(sys.executable).with_name("pyinfra")), PROD, "deploy.py", "-y"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = result.stdout + result.stderr
    assert result.returncode == 3
    assert "group_data/mainframe/services/grafna: no such service; did you mean grafana?" in said
    assert "Connecting" not in said
    assert "Traceback" not in said
