"""load-secrets.sh: the same files as the deploy's, from the token alone; or everything stays as it was."""

import pytest
from estate_copy import Checkout, estate_command, on_host

pytestmark = pytest.mark.mainframe

SCRIPT = "/opt/prodg/scripts/load-secrets.sh"
FILES = "find /opt/prodg/compose/.env* /opt/prodg/secrets -type f -printf '%p %m %U:%G ' -exec sha256sum {} \\; | sort"
INVENTORY = "inventories/lab.py"
LIMIT = ("--limit", "mainframe")
FAULT = "docker exec infisical sh -c 'echo \"{}\" >/tmp/estate-fault'"
HARD = 'it\'s a "value" with $HOME, ${X}, = and \\ and ünïcode 0123456789'


def load(*options):
    text = on_host("mainframe", f'{SCRIPT} {" ".join(options)} 2>&1; echo "exit $?"')
    return int(text.rsplit("exit ", 1)[1]), text


@pytest.fixture(scope="module", autouse=True)
def converged():
    run = Checkout().deploy_when_free(*LIMIT)
    assert run.code == 0, run.text


@pytest.fixture
def files():
    before = on_host("mainframe", FILES)
    yield before
    on_host("mainframe", "docker exec infisical rm -f /tmp/estate-fault; chmod 600 /opt/prodg/compose/.env.infisical")


def test_what_the_deploy_wrote_is_what_it_would_write(files):
    assert load() == (0, "nothing changed\nexit 0\n")
    assert on_host("mainframe", FILES) == files


def test_lost_files_come_back_byte_for_byte_with_their_modes(files):
    on_host("mainframe", "rm /opt/prodg/compose/.env /opt/prodg/secrets/redis/*")
    code, text = load()
    assert code == 0, text
    assert "REDIS_PASSWORD changed: redis hermes-api" in text
    assert on_host("mainframe", FILES) == files
    assert Checkout().dry_run(*LIMIT).changes == []


def test_a_check_changes_nothing_and_says_so(files):
    on_host("mainframe", "sed -i 's/^TAVILY_API_KEY=.*/TAVILY_API_KEY=other/' /opt/prodg/compose/.env")
    spoilt = on_host("mainframe", FILES)
    code, text = load("--check")
    assert code == 2
    assert "TAVILY_API_KEY changed: hermes-api" in text
    assert on_host("mainframe", FILES) == spoilt
    assert load()[0] == 0
    assert on_host("mainframe", FILES) == files


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("401", "logging in"),
        ("403-expired", "(403)"),
        ("404", "(404)"),
        ("500", "(500)"),
        ("garbage", "not JSON"),
        ("empty", "is missing"),
        ("partial", "is missing"),
        ("unset", "is a placeholder"),
    ],
)
def test_when_anything_is_wrong_every_old_file_stays(files, fault, expected):
    on_host("mainframe", FAULT.format(fault))
    code, text = load()
    assert code == 1, text
    assert expected in text
    assert "nothing was changed" in text
    assert on_host("mainframe", FILES) == files


@pytest.mark.parametrize(
    ("break_", "expected"),
    [
        ("docker stop --time 1 infisical >/dev/null", "does not run"),
        ("chmod 644 /opt/prodg/compose/.env.infisical", "others may read"),
        ("mv /opt/prodg/compose/.env.infisical /opt/prodg/compose/.env.infisical.away", "is missing"),
    ],
    ids=["down", "mode", "no token"],
)
def test_without_its_means_it_says_what_to_do(files, break_, expected):
    on_host("mainframe", break_)
    try:
        code, text = load()
    finally:
        away = "/opt/prodg/compose/.env.infisical"
        on_host(
            "mainframe",
            f"[ ! -e {away}.away ] || mv {away}.away {away}; chmod 600 {away}; docker start infisical >/dev/null;"
            "until [ $(docker inspect --format '{{.State.Health.Status}}' infisical) = healthy ]; do sleep 1; done",
        )
    assert code == 1, text
    assert expected in text
    assert "remedy:" in text
    assert on_host("mainframe", FILES) == files


def environment_token():
    script = "docker exec hermes-api python3 -c 'import os; print(os.environ[\"HERMES_API_TOKEN\"])'"
    return on_host("mainframe", script).rstrip("\n")


def test_values_with_every_hard_character_arrive_in_the_container(files):
    old = estate_command("secrets", "show", INVENTORY, "HERMES_API_TOKEN").text.strip()
    hard = HARD.replace("ünïcode", "unicode")
    set_ = estate_command("secrets", "set", INVENTORY, "HERMES_API_TOKEN", stdin=hard + "\n")
    assert set_.code == 0, set_.text
    try:
        code, text = load("--restart")
        assert code == 0, text
        assert "restarted: hermes-api" in text
        assert environment_token() == hard
        plan = Checkout().dry_run(*LIMIT)
        assert ("file", "/opt/prodg/compose/.env") not in {(c["kind"], c["name"]) for c in plan.changes}
    finally:
        assert estate_command("secrets", "set", INVENTORY, "HERMES_API_TOKEN", stdin=old + "\n").code == 0
        assert Checkout().deploy(*LIMIT).code == 0
    # Its label never said what it had been restarted with: that its value went back must be seen all the same
    assert environment_token() == old


def test_the_container_sees_only_what_it_declares():
    for name in ("caddy", "prometheus", "loki", "headscale"):
        seen = on_host("mainframe", f"docker inspect --format '{{{{json .Config.Env}}}}' {name}")
        assert "PASSWORD" not in seen
        assert "TOKEN" not in seen
    environment = on_host(
        "mainframe", "docker inspect --format '{{json .Config.Env}}' postgres grafana redis vaultwarden"
    )
    assert "POSTGRES_PASSWORD=" not in environment
    assert "ADMIN_PASSWORD=" not in environment
    assert "REDIS_PASSWORD=" not in environment
    assert "ADMIN_TOKEN=" not in environment
