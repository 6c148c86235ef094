"""Contract of the Vaultwarden stand-in: config.json wins, the admin token is argon2, nobody registers."""

import json
import sqlite3
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from lab.standins.vaultwarden.app import Database, create
from lab.standins.vaultwarden.settings import OVERRIDDEN, SettingsError, read, warn

PHC = PasswordHasher(1, 8, 1).hash("secret")


def client(tmp_path: Path, **environment: str) -> TestClient:
    settings = read({"DATA_FOLDER": str(tmp_path), "SIGNUPS_ALLOWED": "false", **environment})
    return TestClient(create(settings, Database(settings.database)))


def test_alive_gives_a_time_and_the_database_is_a_file(tmp_path: Path) -> None:
    answer = client(tmp_path).get("/alive")
    assert answer.status_code == 200
    assert answer.json().endswith("Z")
    assert (tmp_path / "db.sqlite3").exists()


def test_alive_fails_with_the_database(tmp_path: Path) -> None:
    settings = read({"DATA_FOLDER": str(tmp_path)})
    database = Database(settings.database)
    database._db.execute("DROP TABLE users")
    assert TestClient(create(settings, database)).get("/alive").status_code == 503


def test_the_domains_path_is_the_prefix(tmp_path: Path) -> None:
    served = client(tmp_path, DOMAIN="https://example.org/vault")
    assert served.get("/vault/alive").status_code == 200
    assert served.get("/alive").status_code == 404


@pytest.mark.parametrize(
    ("token", "given", "status"),
    [(PHC, "secret", 303), (PHC, "bad", 401), ("$argon2id$broken", "x", 401), ("plain", "plain", 303)],
)
def test_the_admin_page_wants_its_token(tmp_path: Path, token: str, given: str, status: int) -> None:
    served = client(tmp_path, ADMIN_TOKEN=token)
    assert served.get("/admin").status_code == 401
    assert served.post("/admin", data={"token": given}, follow_redirects=False).status_code == status


def test_without_a_token_there_is_no_admin_page(tmp_path: Path) -> None:
    assert client(tmp_path).get("/admin").status_code == 404


def test_sign_ups_are_refused(tmp_path: Path) -> None:
    served = client(tmp_path)
    assert served.post("/identity/accounts/register", json={}).status_code == 400
    assert served.get("/api/config").json()["settings"]["disableUserRegistration"] is True


def test_config_json_overrides_the_environment_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"admin_token": "stored", "domain": "https://stored"}))
    settings = read({"DATA_FOLDER": str(tmp_path), "ADMIN_TOKEN": PHC, "SIGNUPS_ALLOWED": "false"})
    warn(settings)
    assert (settings.admin_token, settings.domain) == ("stored", "https://stored")
    said = capsys.readouterr().err
    assert OVERRIDDEN in said
    assert "ADMIN_TOKEN" in said
    assert "plain text" in said


@pytest.mark.parametrize("environment", [{"DOMAIN": "example.org"}, {"DATABASE_URL": "postgresql://x"}])
def test_bad_settings_stop_the_start(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        assert read({"DATA_FOLDER": str(tmp_path), **environment}).database


def test_a_backup_is_a_whole_database(tmp_path: Path) -> None:
    Database(tmp_path / "db.sqlite3").backup(tmp_path / "copy.sqlite3")
    rows = sqlite3.connect(tmp_path / "copy.sqlite3").execute("SELECT count(*) FROM users").fetchone()
    assert rows == (0,)
