"""Every secret that can be rotated is: the new value works, the old one does not, only consumers are recreated."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from estate_copy import REPO, Checkout, assert_converges, estate_command, on_host, sealed_copy

from estate.inventory import load
from estate.secrets.rotate import proof_name
from lab.secrets import external_values

pytestmark = pytest.mark.mainframe

STACK = load(REPO / "inventories" / "lab.py").stacks["mainframe"]
SPECS = STACK.secrets()
PROVABLE = {credential.secret: (service, credential) for service, credential in STACK.credentials()}
CREATED = "docker ps --format '{{.Names}} {{.CreatedAt}}' | sort"
INVENTORY = "inventories/lab.py"
LIMIT = ("--limit", "mainframe")


def created():
    return dict(line.split(" ", 1) for line in on_host("mainframe", CREATED).splitlines())


def lets_in(name, value):
    service, credential = PROVABLE[name]
    script = f"docker exec -i {service.name} sh -c {_quoted(credential.prove)} <<'EOF-PROVE' && echo yes || echo no\n"
    return on_host("mainframe", script + value + "\nEOF-PROVE\n").strip().endswith("yes")


def _quoted(text):
    return "'" + text.replace("'", "'\"'\"'") + "'"


@pytest.fixture(scope="module", autouse=True)
def converged():
    run = Checkout().deploy_when_free(*LIMIT)
    assert run.code == 0, run.text


TOGETHER = (
    ("INFISICAL_AUTH_SECRET", "INFISICAL_DB_PASSWORD", "INFISICAL_REDIS_PASSWORD"),
    ("GRAFANA_ADMIN_PASSWORD", "VAULTWARDEN_ADMIN_TOKEN"),
    ("HERMES_API_TOKEN", "MINIO_ROOT_PASSWORD", "REDIS_PASSWORD", "TAVILY_API_KEY"),
    ("POSTGRES_PASSWORD",),
)
EVERYWHERE = ("TELEGRAM_BOT_TOKEN",)
"""What the watching of the homelab and the VPS has as well: their hosts are deployed to."""


def test_each_secret_that_is_provable_is_rotated():
    assert sorted(name for names in (*TOGETHER, EVERYWHERE) for name in names) == sorted(PROVABLE)


@pytest.mark.parametrize("names", [*TOGETHER, pytest.param(EVERYWHERE, marks=pytest.mark.alone)], ids=" ".join)
def test_they_are_rotated_and_only_their_consumers_are_recreated(names):
    old, before = sealed_copy().values(), created()
    new = [external_values()[name] for name in names if not SPECS[name].generated]
    run = estate_command("secrets", "rotate", INVENTORY, *names, stdin="".join(f"{value}\n" for value in new))
    assert run.code == 0, run.text
    now, after = sealed_copy(), created()
    assert now.rotation is None
    consumers = {consumer for name in names for consumer in STACK.consumers(name)}
    assert {n for n in before if before[n] != after.get(n)} == consumers
    for key in (proof_name(SPECS[name]) for name in names):
        assert now.values()[key] != old[key], key
        assert now.values()[key] not in run.text, key
        assert old[key] not in run.text, key


def test_every_secret_is_provable_or_says_why_it_stays():
    stays = {name for name, spec in SPECS.items() if spec.fixed}
    assert stays | PROVABLE.keys() == SPECS.keys()
    with ThreadPoolExecutor(2) as pool:
        for run in pool.map(lambda name: estate_command("secrets", "rotate", INVENTORY, name), sorted(stays)):
            assert run.code == 1
            assert "cannot be rotated" in run.text


def test_afterwards_nothing_is_left_to_do_and_all_copies_agree():
    assert Checkout().dry_run(*LIMIT).changes == []
    status = estate_command("secrets", "status", INVENTORY)
    assert status.code == 0, status.text


def test_a_rotation_that_breaks_its_consumer_returns_to_the_old_value():
    """The database refuses the new password: its role may not be changed for a while."""
    before = sealed_copy().values()["POSTGRES_PASSWORD"]
    hold = 'docker exec -i postgres sh -c \'psql -qX -U "$POSTGRES_USER" -d "$POSTGRES_DB"\''
    guard = "alter system set default_transaction_read_only = {}; select pg_reload_conf();"
    on_host("mainframe", f"{hold} <<'EOF'\n{guard.format('on')}\nEOF")
    try:
        run = estate_command("secrets", "rotate", INVENTORY, "POSTGRES_PASSWORD")
    finally:
        undo = "set default_transaction_read_only = off; " + guard.format("off")
        on_host("mainframe", f"{hold} <<'EOF'\n{undo}\nEOF")
    assert run.code == 1, run.text
    assert "ALTER ROLE" in run.text or "read-only" in run.text
    sealed = sealed_copy()
    if sealed.rotation is not None:
        again = estate_command("secrets", "rotate", INVENTORY, "POSTGRES_PASSWORD")
        assert again.code == 0, again.text
    else:
        assert sealed.values()["POSTGRES_PASSWORD"] == before
    assert_converges(*LIMIT)


def test_a_password_that_was_changed_behind_our_back_is_set_right_by_the_deploy():
    script = "docker exec -i postgres sh -c 'psql -qX -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\"' <<'EOF'\n"
    on_host("mainframe", script + "alter role prodg password 'somebody-was-here';\nEOF")
    plan = Checkout().dry_run(*LIMIT)
    assert ("handler", "prodg-postgres-credential", "apply") in {
        (c["kind"], c["name"], c["action"]) for c in plan.changes
    }
    run = Checkout().deploy(*LIMIT)
    assert run.code == 0, run.text
    assert lets_in("POSTGRES_PASSWORD", sealed_copy().values()["POSTGRES_PASSWORD"])


@pytest.mark.parametrize("name", ["deploy-token", "host-token", "operator-token"])
def test_a_token_is_rotated_and_the_old_one_is_refused(name):
    who = name.removesuffix("-token")
    old = getattr(sealed_copy().access, who).secret
    run = estate_command("secrets", "rotate", INVENTORY, name)
    assert run.code == 0, run.text
    now = getattr(sealed_copy().access, who)
    assert now.secret.id != old.id
    assert now.retired is None
    assert now.next is None
    assert Checkout().deploy(*LIMIT).changes == []
