"""Whatever is wrong with Infisical, a deploy changes nothing on any host, and says what is wrong."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from estate_copy import Checkout, estate_command, fingerprints, on_host, sealed_copy

pytestmark = pytest.mark.lab

FAULT = "docker exec infisical sh -c 'echo \"{}\" >/tmp/estate-fault'"
MEND = "docker start infisical >/dev/null; docker exec infisical rm -f /tmp/estate-fault"


@pytest.fixture(scope="module")
def before():
    estate = Checkout()
    on_host("mainframe", MEND, check=False)
    run = estate.deploy()
    assert run.code == 0, run.text
    return fingerprints()


@pytest.fixture
def mended():
    yield
    on_host("mainframe", MEND)


def refused(run, before, *expected):
    assert run.code != 0, run.text
    for text in expected:
        assert text in run.text
    assert "Traceback" not in run.text
    assert run.changes == []
    assert fingerprints() == before


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("401", ["infisical/login", "(401)", "rotate-a-token.md"]),
        ("403-expired", ["(403)", "replace the token"]),
        ("403-denied", ["(403)", "give the identity a role"]),
        ("404", ["(404)"]),
        ("429", ["too many requests (429)", "--secrets sealed"]),
        ("500", ["server fault (500)", "--secrets sealed"]),
        ("503", ["server fault (503)"]),
        ("slow 60", ["no answer", "ReadTimeout"]),
        ("garbage", ["not a JSON object"]),
        ("cut", ["--secrets sealed"]),
        ("empty", ["the folder holds no secrets", "estate secrets push"]),
        ("partial", ["missing", "used by"]),
        ("unset", ["placeholder"]),
    ],
)
@pytest.mark.usefixtures("mended")
def test_a_fault_of_infisical_changes_nothing_anywhere(before, fault, expected):
    on_host("mainframe", FAULT.format(fault))
    refused(Checkout().deploy(), before, *expected)


def test_infisical_that_is_down_changes_nothing_and_the_sealed_copy_brings_it_back(before, mended):
    on_host("mainframe", "docker stop --time 1 infisical >/dev/null")
    down = fingerprints()
    refused(Checkout().deploy(), down, "server fault (502)", "--secrets sealed")
    run = Checkout().deploy("--data", "secrets=sealed")
    assert run.code == 0, run.text
    assert "SECRETS COME FROM THE SEALED COPY, NOT FROM INFISICAL" in run.text
    assert {(c["kind"], c["name"], c["action"]) for c in run.changes} == {("container", "infisical", "start")}
    assert Checkout().deploy().changes == []


EDITS = {
    "unreachable": (
        "group_data/mainframe.py",
        '"environment": "prod"',
        '"environment": "prod", "address": "127.0.0.1"',
    ),
    "untrusted": ("lab/inventory.py", '"ca_root": ca.read_text() if ca.exists() else None', '"ca_root": None'),
    "environment": ("group_data/mainframe.py", '"environment": "prod"', '"environment": "prd"'),
    "folder": ("group_data/mainframe.py", '"environment": "prod"', '"environment": "prod", "path": "/nowhere"'),
    "source": ("group_data/mainframe.py", "secret_store", "secret_store"),
}

WRONG = {
    "unreachable": ("unreachable", {}, ["no connection", "--secrets sealed"]),
    "tls": ("untrusted", {}, ["its certificate cannot be trusted"]),
    "environment": ("environment", {}, ["(404)", "correct project, environment and path"]),
    "folder": ("folder", {}, ["(404)", "correct project, environment and path"]),
    "project": ("source", {"INFISICAL_PROJECT_ID": "00000000-0000-0000-0000-000000000000"}, ["(40"]),
    "service token": ("source", {"INFISICAL_TOKEN": "st.no.such"}, ["(40"]),
    "client secret": (
        "source",
        {"INFISICAL_CLIENT_ID": "x", "INFISICAL_CLIENT_SECRET": "y"},
        ["infisical/login", "(401)"],
    ),
    "source": ("source", {"ESTATE_SECRETS": "seald"}, ["no such source"]),
}
"""What is wrong, by its name: the copy's edit, the environment, what the operator reads."""


@pytest.fixture(scope="module")
def wrong_runs(before, tmp_path_factory):
    """All of these runs, some at a time: none of them comes as far as a host's lock."""

    def one(name):
        edit, environment, _ = WRONG[name]
        copy = Checkout.copy_to(tmp_path_factory.mktemp("wrong") / "estate")
        copy.edit(*EDITS[edit])
        return copy.deploy(environment=environment)

    with ThreadPoolExecutor(3) as pool:
        return dict(zip(WRONG, pool.map(one, WRONG), strict=True))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_address_or_credential_changes_nothing_anywhere(before, wrong_runs, name):
    refused(wrong_runs[name], before, *WRONG[name][2])


@pytest.mark.parametrize("fault", ["429 2", "500 2", "503 2"])
@pytest.mark.usefixtures("mended")
def test_a_fault_that_passes_is_waited_for(before, fault):
    on_host("mainframe", FAULT.format(fault))
    run = Checkout().deploy("--limit", "mainframe")
    assert run.code == 0, run.text
    assert run.changes == []
    assert fingerprints() == before


@pytest.mark.usefixtures("mended")
def test_a_weak_secret_in_infisical_stops_the_deploy(before):
    on_host("mainframe", FAULT.format("unset"))
    found = estate_command("secrets", "audit", "inventories/lab.py", "--json", "--offline")
    assert found.code == 1
    assert '"refuse"' in found.text
    assert "__UNSET__" not in found.text
    assert fingerprints() == before


def service_token(environment, path, seconds):
    project = sealed_copy().access.project
    words = f"{project} {environment} '{path}' {seconds}"
    return on_host("mainframe", f"docker exec infisical infisical-server service-token {words}").strip()


def test_a_legacy_service_token_reads_for_a_deploy(before):
    token = service_token("prod", "/**", 90 * 86400)
    run = Checkout().deploy(environment={"INFISICAL_TOKEN": token})
    assert run.code == 0, run.text
    assert run.changes == []
    assert token.split(".")[2] not in run.text


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (("prod", "/**", 3600), "service token expires in"),
        (("dev", "/", 90 * 86400), "the service token reads dev:/"),
        (("prod", "/**", 1), "(40"),
    ],
    ids=["about to end", "of another environment", "expired"],
)
def test_a_service_token_that_is_not_right_changes_nothing_anywhere(before, scope, expected):
    token = service_token(*scope)
    time.sleep(2)
    refused(Checkout().deploy(environment={"INFISICAL_TOKEN": token}), before, expected)


@pytest.mark.parametrize(("fault", "expected"), [("partial", "not in Infisical any more"), ("unset", "placeholder")])
@pytest.mark.usefixtures("mended", "before")
def test_less_or_worse_than_what_is_sealed_is_not_sealed(fault, expected):
    sealed = sealed_copy()
    on_host("mainframe", FAULT.format(fault))
    run = estate_command("secrets", "seal", "inventories/lab.py")
    assert run.code == 1
    assert expected in run.text
    assert sealed_copy() == sealed
