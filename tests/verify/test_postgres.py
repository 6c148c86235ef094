"""The shared PostgreSQL, as the running server says it of itself: encoding, owners, who may come in."""

import pytest

from estate.models.host import HomelabHost
from estate.render.postgres import LOCALE, tuning


@pytest.fixture
def settings(node):
    found = node.host.postgres if isinstance(node.host, HomelabHost) else None
    if found is None:
        pytest.skip("has no PostgreSQL of its own")
    return found


def rows(seen, section):
    return [line.split("|") for line in seen.lines(section)]


def test_every_database_is_utf8_and_its_roles_own(node, seen, settings):
    assert {tuple(row) for row in rows(seen, "postgres-databases")} == {
        (d.name, "UTF8", LOCALE, d.name, "f") for d in settings.databases
    }


def test_roles_have_no_rights_beyond_their_database_and_scram_hashes(node, seen, settings):
    assert {tuple(row) for row in rows(seen, "postgres-roles")} == {(d.name, "f", "t") for d in settings.databases}


def test_every_role_logs_in_with_the_declared_password_and_into_no_other_database(node, seen, settings):
    for database in settings.databases:
        assert seen.lines(f"postgres-login {database.name}") == [database.name]
        assert seen.lines(f"postgres-others {database.name}") == []


def test_exactly_the_declared_clients_may_come_in_and_only_over_tls(node, seen, settings):
    wanted = {
        ("hostssl", d.name, d.name, a, "scram-sha-256", "f") for d in settings.databases for a in d.clients.values()
    }
    wanted |= {("host", d.name, d.name, "127.0.0.1", "scram-sha-256", "f") for d in settings.databases}
    wanted.add(("local", "all", "postgres", "", "peer", "f"))
    assert {tuple(row) for row in rows(seen, "postgres-hba")} == wanted


def test_who_is_not_declared_is_refused(node, seen, settings):
    assert "no pg_hba.conf entry" in seen.text("postgres-outside")


def test_the_declared_settings_are_in_force(node, seen, settings):
    live = {row[0]: row[1:] for row in rows(seen, "postgres-settings")}
    shared = int(tuning(node.host.resources.memory, settings.max_connections)["shared_buffers"][:-2])
    assert int(live["shared_buffers"][0]) * 8 // 1024 == shared
    assert live["max_connections"][0] == str(settings.max_connections)
    assert live["password_encryption"][0] == "scram-sha-256"
    assert live["ssl"][0] == "on"
