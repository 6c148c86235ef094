"""`estate secrets` before there is an Infisical: what is made, refused and kept; nothing prints a value but `show`."""

import json

import pytest
from typer.testing import CliRunner

from estate.cli.main import app
from estate.inventory import load
from estate.models.host import MainframeHost
from estate.render.templates import ROOT
from estate.secret_store import backend as backends
from estate.secrets.sealed import SealedFile, keygen

PROD = str(ROOT / "inventories" / "prod.py")
EXTERNAL = {
    "B2_KEY_ID": "00" + "4f8a1c93b7e" * 2 + "0",
    "B2_KEY_SECRET": "K00" + "4x9Qw2Lr7mZp" * 2 + "Yt3v",
    "TELEGRAM_BOT_TOKEN": ":".join(("1234567890", "AAH" + "d7Kx9Qw2" * 4)),
    "TELEGRAM_CHAT_ID": "-1001234567890",
    "TAVILY_API_KEY": "-".join(("tvly", "Xk29fLq83mZp04vRtYw7")),
    "EDGE_OFFSITE_KEY_ID": "".join(("not-as", "-b2-has-it")),
    "EDGE_OFFSITE_KEY": "".join(("Vn3x", "Wq81", "LkPz", "Ty60", "GdSa")),
}

ANOTHER = "-".join(("tvly", "Another0123456789abcd"))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An operator's own key, and a place for the sealed copy outside of the repository."""
    identity = tmp_path / "age.txt"
    public = keygen(identity)
    file = SealedFile(tmp_path / "prod.age", identity, [public])
    monkeypatch.setattr(backends, "_sealed_file", lambda name, host: file)
    for name in ("INFISICAL_TOKEN", "INFISICAL_CLIENT_ID", "ESTATE_SECRETS"):
        monkeypatch.delenv(name, raising=False)
    given = tmp_path / "external.env"
    given.write_text("".join(f"{name}={value}\n" for name, value in EXTERNAL.items()))
    return file, given


def run(*words, stdin=""):
    result = CliRunner().invoke(app, ["secrets", *words], input=stdin)
    assert not (result.exception and not isinstance(result.exception, SystemExit)), result.exception
    return result.exit_code, result.output + (result.stderr if result.stderr_bytes else "")


def made(home):
    file, given = home
    code, text = run("init", PROD, "--from-file", str(given))
    assert code == 0, text
    return file.open()


def test_init_makes_every_declared_secret_and_prints_none(home):
    sealed = made(home)
    stack = next(iter(load((ROOT / "inventories" / "prod.py").resolve()).stacks.values()))
    assert stack.secrets().keys() <= sealed.values().keys()
    assert sealed.values()["VAULTWARDEN_ADMIN_TOKEN"].startswith("$argon2id$")
    assert len(sealed.values()["INFISICAL_ENCRYPTION_KEY"]) == 32
    code, text = run("init", PROD)
    assert (code, "0 secrets made" in text) == (0, True)
    assert home[0].open().values() == sealed.values()


def test_init_asks_for_what_only_an_issuer_can_give(home):
    lines = "".join(f"{EXTERNAL[name]}\n" for name in sorted(EXTERNAL))
    code, text = run("init", PROD, stdin=lines)
    assert code == 0, text
    assert {name: home[0].open().values()[name] for name in EXTERNAL} == EXTERNAL
    assert not any(value in text for name, value in EXTERNAL.items() if name != "TELEGRAM_CHAT_ID")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TAVILY_API_KEY", "CHANGE_ME", "placeholder"),
        ("TAVILY_API_KEY", "not-what-tavily-gives", "malformed"),
        ("TELEGRAM_CHAT_ID", "my chat", "malformed"),
    ],
)
def test_init_refuses_a_bad_value_and_writes_nothing(home, name, value, message):
    file, given = home
    given.write_text("".join(f"{n}='{v}'\n" for n, v in (EXTERNAL | {name: value}).items()))
    code, text = run("init", PROD, "--from-file", str(given))
    assert code == 1
    assert f"secrets/{name}" in text
    assert message in text
    assert not file.exists


def test_without_a_value_init_says_how_to_give_it(home):
    code, text = run("init", PROD)
    assert code == 1
    assert "no value was given" in text
    assert not home[0].exists


def test_show_prints_the_value_and_names_a_near_miss(home):
    sealed = made(home)
    assert run("show", PROD, "REDIS_PASSWORD") == (0, sealed.values()["REDIS_PASSWORD"] + "\n")
    code, text = run("show", PROD, "REDIS_PASWORD")
    assert (code, "did you mean REDIS_PASSWORD?" in text) == (1, True)


def test_set_takes_the_value_from_standard_input_and_keeps_its_end(home):
    made(home)
    code, text = run("set", PROD, "TAVILY_API_KEY", "--expires", "2031-01-02", stdin=ANOTHER + "\n")
    assert code == 0, text
    entry = home[0].open().secrets["TAVILY_API_KEY"]
    assert entry.value.get_secret_value() == ANOTHER
    assert str(entry.expires) == "2031-01-02"
    assert "Another" not in text


def test_set_refuses_the_value_of_another_secret(home):
    sealed = made(home)
    code, text = run("set", PROD, "REDIS_PASSWORD", stdin=sealed.values()["HERMES_API_TOKEN"] + "\n")
    assert (code, "the same value as" in text) == (1, True)
    assert home[0].open().values() == sealed.values()


def test_a_secret_in_use_is_not_removed_and_an_unused_one_is(home):
    made(home)
    assert run("remove", PROD, "REDIS_PASSWORD")[0] == 1
    assert run("set", PROD, "SPARE_KEY", stdin="Xk29fLq83mZp04vRtYw7Xk29\n")[0] == 0
    assert run("remove", PROD, "SPARE_KEY")[0] == 0
    assert "SPARE_KEY" not in home[0].open().secrets


def test_the_audit_is_data_without_a_value(home):
    made(home)
    run("set", PROD, "SPARE_KEY", stdin="Xk29fLq83mZp04vRtYw7Xk29\n")
    code, text = run("audit", PROD, "--secrets", "sealed", "--offline", "--json")
    document = json.loads(text[text.index("{") :])
    assert code == 0, text
    assert document["source"] == "sealed"
    assert [(f["secret"], f["severity"]) for f in document["findings"]] == [("SPARE_KEY", "warn")]
    assert "Xk29" not in text


def test_an_expired_secret_is_refused(home):
    made(home)
    run("set", PROD, "TAVILY_API_KEY", "--expires", "2024-01-02", stdin=ANOTHER + "\n")
    code, text = run("audit", PROD, "--secrets", "sealed", "--offline")
    assert code == 1
    assert "expired" in text


def test_status_says_that_infisical_is_not_set_up(home):
    made(home)
    code, text = run("status", PROD)
    assert (code, "not set up" in text) == (0, True)


@pytest.mark.parametrize("words", [("seal",), ("push", "--sealed"), ("pull",), ("diff",), ("rotate", "REDIS_PASSWORD")])
def test_what_needs_infisical_says_so(home, words):
    made(home)
    code, text = run(words[0], PROD, *words[1:])
    assert (code, "is not set up" in text) == (1, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give one of them"),
        (("--data", "--all"), "give one of them"),
        (("--data",), "is not the lab"),
    ],
)
def test_reset_is_refused_unless_it_is_meant(home, words, message):
    sealed = made(home)
    code, text = run("reset", PROD, *words)
    assert (code, message in text) == (1, True)
    assert home[0].open() == sealed


def test_reset_of_production_needs_a_fresh_copy_and_the_estates_name(home, monkeypatch):
    from datetime import timedelta

    from estate.cli.secrets import reset

    made(home)
    monkeypatch.setattr(reset, "FRESH", timedelta(0))
    code, text = run("reset", PROD, "--data", "--yes-really", stdin="prod\n")
    assert (code, "`estate secrets seal` first" in text) == (1, True)
    monkeypatch.setattr(reset, "FRESH", timedelta(days=1))
    code, text = run("reset", PROD, "--data", "--yes-really", stdin="something else\n")
    assert (code, "not confirmed" in text) == (1, True)
    monkeypatch.setattr(reset, "FRESH", timedelta(0))
    code, text = run("reset", PROD, "--data", "--yes-really", "--lost", stdin="something else\n")
    assert (code, "not confirmed" in text) == (1, True)


def test_new_keys_for_infisical_are_not_new_keys_for_the_backups(home, monkeypatch):
    from estate.cli.secrets import reset

    before = made(home).values()
    emptied = []
    monkeypatch.setattr(reset, "_wipe", lambda estate, backend: emptied.append(backend.name))
    code, text = run("reset", PROD, "--all", "--yes-really", "--lost", stdin="prod\n")
    assert (code, emptied) == (0, ["prod"]), text
    after = home[0].open().values()
    assert {"BACKUP_IDENTITY", "BACKUP_SIGNING_SEED", "B2_KEY_ID", "B2_KEY_SECRET"} <= after.keys()
    assert [name for name in after if name.startswith(("BACKUP_", "B2_")) and after[name] != before[name]] == []
    assert after["INFISICAL_ENCRYPTION_KEY"] != before["INFISICAL_ENCRYPTION_KEY"], "a control"


def test_an_estate_without_infisical_is_sealed_only():
    estate = load((ROOT / "inventories" / "prod.py").resolve())
    name, stack = next(iter(estate.stacks.items()))
    less = stack.model_copy(update={"services": tuple(s for s in stack.services if not s.name.startswith("infisical"))})
    assert isinstance(estate.hosts[name], MainframeHost)
    without = type(estate)(estate.path, estate.hosts, {name: less}, estate.ssh)
    found = backends.backend_of(without)
    assert found.store is None
    assert found.own == {"BACKUP_IDENTITY", "BACKUP_SIGNING_SEED"}
