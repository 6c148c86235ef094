"""Where a run's secrets come from, what is said of them, and what the host gets."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from factories import stack
from pydantic import SecretStr

from estate.deployment import host_access
from estate.models.faults import EstateFaults, Fault
from estate.models.secret import SecretKind, SecretSpec
from estate.operations.command import controller, script
from estate.plan.containers import live_credentials
from estate.plan.state import ContainerState
from estate.render.infisical import TOKEN_FILE
from estate.secret_store.backend import Backend
from estate.secret_store.ledger import ledger_findings, sealed_ledger
from estate.secret_store.load import Loaded, Mode, Origin, mode_of, own_findings
from estate.secrets.audit import Severity
from estate.secrets.redact import redact
from estate.secrets.sealed import Access, Identity, Issued, Sealed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWN = SecretSpec(name="OWN_KEY", kind=SecretKind.HEX, purpose="x", bootstrap=True)
POISON = "poison-0123456789abcdef"


@pytest.fixture
def backend():
    return Backend("test", SimpleNamespace(), {"OWN_KEY": OWN}, {"OWN_KEY": ("infisical",)})


def sealed(**values):
    made = Sealed(estate="test")
    made.put(values, NOW)
    return made


def identity(expires=None):
    return Identity(id="i", client_id="client", secret=Issued(id="1", secret=SecretStr(POISON), expires=expires))


@pytest.mark.parametrize(
    ("word", "environment", "mode"),
    [
        ("", "", Mode.INFISICAL),
        ("sealed", "", Mode.SEALED),
        (None, "sealed", Mode.SEALED),
        ("infisical", "sealed", Mode.INFISICAL),
    ],
)
def test_the_source_is_what_was_asked_for(monkeypatch, word, environment, mode):
    monkeypatch.setenv("ESTATE_SECRETS", environment)
    assert mode_of(word) is mode


def test_an_unknown_source_is_refused():
    with pytest.raises(EstateFaults, match="write infisical or sealed"):
        mode_of("seald")


def test_the_sealed_copy_decides_infisicals_own_keys(backend):
    copy = sealed(OWN_KEY=POISON, OTHER="other-value-0123")
    assert own_findings(backend, {"OWN_KEY": POISON, "OTHER": "changed there"}, copy) == []
    assert own_findings(backend, {}, copy) == [], "the audit says that it is missing"
    [finding] = own_findings(backend, {"OWN_KEY": "another"}, copy)
    assert (finding.secret, finding.severity) == ("OWN_KEY", Severity.REFUSE)
    assert POISON not in str(finding)


def test_the_ledger_knows_every_end_that_is_written_down(backend):
    copy = sealed(KEY="value-0123456789")
    copy.secrets["KEY"].expires = date(2026, 1, 10)
    copy.access = Access(
        admin_email="a@b.c",
        admin_password=SecretStr(POISON),
        operator=identity(),
        deploy=identity(NOW + timedelta(days=1)),
        host=identity(NOW + timedelta(days=90)),
    )
    assert [entry.name for entry in sealed_ledger(copy)] == ["KEY", "deploy-token", "host-token"]
    found = ledger_findings(backend, copy, NOW, [])
    assert [(f.secret, f.severity) for f in found] == [("deploy-token", Severity.REFUSE), ("KEY", Severity.WARN)]


def test_the_host_gets_a_token_only_from_a_complete_set_up():
    copy = sealed()
    assert host_access(Loaded({}, Origin.BOOTSTRAP, (), copy)) is None
    copy.access = Access(admin_email="a@b.c", admin_password=SecretStr(POISON), project="p", host=identity())
    assert host_access(Loaded({}, Origin.BOOTSTRAP, (), copy)) is None
    copy.access.complete = True
    access = host_access(Loaded({}, Origin.INFISICAL, (), copy))
    assert access is not None
    assert access.token == {"INFISICAL_CLIENT_ID": "client", "INFISICAL_CLIENT_SECRET": POISON}
    assert POISON not in repr(access)
    assert TOKEN_FILE == ".env.infisical"


def test_a_credential_is_changed_before_its_consumers_where_the_service_runs():
    def container(status):
        return ContainerState(service="x", name="x", image="x", status=status, health="", inputs={})

    whole = stack()
    assert live_credentials(whole, {}) == frozenset()
    there = {"postgres": container("running"), "grafana": container("exited")}
    assert live_credentials(whole, there) == {"prodg-postgres-credential"}


STATE = SimpleNamespace(print_output=False)


def test_work_of_the_controller_fails_like_a_command_and_shows_no_secret():
    redact.learn([POISON])

    def fail():
        raise EstateFaults([Fault("infisical", f"said {POISON}")])

    status, output = controller("x", fail).execute(STATE, SimpleNamespace(), {})
    assert not status
    assert POISON not in output.stderr
    assert "infisical: said" in output.stderr
    assert controller("x", lambda: None).execute(STATE, SimpleNamespace(), {})[0]


def test_an_input_that_is_made_in_time_is_made_in_time():
    seen = []

    class Host:
        def run_shell_command(self, command, **arguments):
            seen.append(arguments["_stdin"])
            return True, []

    value = ["early"]
    command = script("cat", timeout=5, stdin=lambda: value[0])
    value[0] = "late"
    command.execute(SimpleNamespace(print_output=False, print_input=False), Host(), {})
    assert seen == ["late"]
    assert "late" not in str(command)
