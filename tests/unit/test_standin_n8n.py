"""Contract of the n8n stand-in: settings and their files, the key held to what is stored, readiness by the database."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lab.standins.n8n.app import create
from lab.standins.n8n.database import sealed
from lab.standins.n8n.settings import SettingsError, hold_key, read


class Memory:
    """A database that can be away."""

    def __init__(self) -> None:
        self.stored: str | None = None
        self.there = True

    def ping(self) -> None:
        if not self.there:
            raise ConnectionError("away")

    def migrate(self, key: str) -> bool:
        self.ping()
        self.stored = self.stored or sealed(key)
        return self.stored == sealed(key)


def environment(tmp_path: Path, **over: str) -> dict[str, str]:
    for name, text in (("key", "k" * 64), ("password", "it's")):
        (tmp_path / name).write_text(f"{text}\n")
    return {
        "DB_TYPE": "postgresdb",
        "DB_POSTGRESDB_HOST": "192.0.2.41",
        "DB_POSTGRESDB_PASSWORD_FILE": str(tmp_path / "password"),
        "DB_POSTGRESDB_SSL_ENABLED": "true",
        "N8N_ENCRYPTION_KEY_FILE": str(tmp_path / "key"),
        "N8N_USER_FOLDER": str(tmp_path),
        "N8N_METRICS": "true",
        **over,
    }


def test_secrets_come_from_files_and_tls_is_asked_for(tmp_path: Path) -> None:
    settings = read(environment(tmp_path))
    assert settings.key == "k" * 64
    assert "password='it\\'s'" in settings.database
    assert "sslmode='require'" in settings.database
    assert "it's" not in repr(settings)


def test_the_first_key_is_kept_closed_and_another_one_is_refused(tmp_path: Path) -> None:
    hold_key(read(environment(tmp_path)))
    file = tmp_path / ".n8n" / "config"
    assert file.stat().st_mode & 0o777 == 0o600
    hold_key(read(environment(tmp_path)))
    with pytest.raises(SettingsError, match="Mismatching encryption keys"):
        hold_key(read(environment(tmp_path, N8N_ENCRYPTION_KEY="other", N8N_ENCRYPTION_KEY_FILE="")))
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="too wide"):
        hold_key(read(environment(tmp_path)))


def test_without_a_key_or_with_another_database_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="N8N_ENCRYPTION_KEY"):
        hold_key(read(environment(tmp_path, N8N_ENCRYPTION_KEY_FILE="")))
    with pytest.raises(SettingsError, match="DB_TYPE"):
        read(environment(tmp_path, DB_TYPE="sqlite"))


def test_health_is_the_process_and_readiness_the_database(tmp_path: Path) -> None:
    database = Memory()
    served = TestClient(create(read(environment(tmp_path)), database))
    assert served.get("/healthz/readiness").status_code == 200
    database.there = False
    assert (served.get("/healthz").status_code, served.get("/healthz/readiness").status_code) == (200, 503)


def test_a_database_of_another_key_is_served_but_cannot_be_read(tmp_path: Path) -> None:
    database = Memory()
    database.stored = sealed("another key")
    served = TestClient(create(read(environment(tmp_path)), database))
    assert served.get("/healthz/readiness").status_code == 200
    assert served.get("/estate-lab/credential").json() == {"readable": False}


def test_a_webhook_is_not_registered_and_metrics_say_what_this_is(tmp_path: Path) -> None:
    served = TestClient(create(read(environment(tmp_path)), Memory()))
    assert served.post("/webhook/x/y").status_code == 404
    assert 'estate_lab_stand_in{software="n8n"} 1' in served.get("/metrics").text
    assert TestClient(create(read(environment(tmp_path, N8N_METRICS="")), Memory())).get("/metrics").status_code == 404
