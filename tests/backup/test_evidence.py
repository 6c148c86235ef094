"""What is compared after a restore, and what is decided before it: pure."""

from pathlib import Path

import pytest

from estate.render.dotenv import dotenv
from estate_backup import evidence, restore_dump, restore_env, restore_plan, restore_servers
from estate_backup.config import Config, Part, Service
from estate_backup.errors import BackupError
from estate_backup.evidence import between, counts, drifted, listing
from estate_backup.manifest import Contents, Manifest
from estate_backup.manifest import Part as Kept
from estate_backup.restore_plan import Piece


def kept(**evidence):
    return Kept(100, "0" * 64, evidence)


def test_equal_rows_are_a_proof():
    finding = counts("prodg", {"public.a": 3, "public.b": 0}, {"public.a": 3, "public.b": 0})
    assert finding.ok
    assert finding.proofs == ("prodg: rows of 2 tables equal, 3 in all",)


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ({"a": 2}, "a: 2 instead of 3"),
        ({}, "a: missing instead of 3"),
        ({"a": 3, "b": 1}, "b: is not in the set"),
    ],
)
def test_other_rows_are_named(found, fault):
    finding = counts("db", {"a": 3}, found)
    assert not finding.ok
    assert finding.faults == (f"db: rows differ: {fault}",)


def test_many_differences_are_counted():
    finding = counts("db", {f"t{n}": 1 for n in range(9)}, {})
    assert finding.faults[0].endswith("and 6 more")


def test_nothing_proven_is_not_ok():
    assert not evidence.Finding().ok


def test_rows_in_use_may_change_but_not_vanish():
    assert drifted("db", {"a": 3}, {"a": 3}).ok
    assert "1 written to" in drifted("db", {"a": 3, "b": 1}, {"a": 4, "b": 1}).proofs[0]
    assert drifted("db", {"a": 3}, {"a": 3, "new": 1}).ok
    assert drifted("db", {"a": 3}, {"a": 0}).faults == ("db: rows are lost: a: empty instead of 3",)
    assert drifted("db", {"a": 3}, {}).faults == ("db: rows are lost: a: missing",)


@pytest.mark.parametrize(
    ("found", "gone", "ok"), [(5, 0, True), (7, 0, True), (4, 0, False), (8, 0, False), (3, 2, True), (8, 2, False)]
)
def test_a_number_that_moved_lies_between_what_was_seen(found, gone, ok):
    assert between("keys", [7, 5], found, gone).ok is ok


def test_objects_are_compared_one_by_one():
    recorded = {"a": {"size": 1, "sha256": "x"}, "b": {"size": 1, "sha256": "y"}}
    assert listing("s3", recorded, {"a": (1, "x"), "b": (1, "y")}).ok
    assert listing("s3", recorded, {"a": (1, "z"), "c": (1, "y")}).faults == (
        "s3: a: other content; b: missing; c: is not in the set",
    )


def test_keys_whose_time_was_over_were_in_the_set():
    answers = {
        ("INFO", "persistence"): "# Persistence\r\nrdb_last_load_keys_loaded:8\r\nrdb_last_load_keys_expired:2\r\n",
        ("INFO", "keyspace"): "# Keyspace\r\ndb0:keys=6,expires=1,avg_ttl=0\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n",
        ("DBSIZE",): "6",
    }
    piece = Piece(Part("redis", "redis"), {"redis.rdb": kept(keys=[10, 10])})
    assert restore_servers.keys(lambda *words: answers[words], piece).ok
    assert restore_servers.keys_that_last(lambda *words: answers[words]) == 6
    first = Piece(Part("redis", "redis"), {"redis.rdb": kept(dbsize=[8, 9])})
    assert restore_servers.keys(lambda *words: answers[words], first).ok
    lost = Piece(Part("redis", "redis"), {"redis.rdb": kept(keys=[12, 14])})
    assert restore_servers.keys(lambda *words: answers[words], lost).faults == ("redis: keys: 10 instead of 12 to 14",)


def header(archive, compression, version):
    def number(value):
        return bytes([value < 0]) + abs(value).to_bytes(4, "little")

    def text(value):
        return number(len(value)) + value.encode()

    when = b"".join(number(n) for n in (1, 2, 3, 4, 5, 126, 0))
    return b"PGDMP" + bytes([*archive, 0, 4, 8, 1]) + compression + when + text("prodg") + text(version) + text("16.1")


@pytest.mark.parametrize(
    ("archive", "compression", "version"),
    [((1, 14), b"\x01\xff\x00\x00\x00", "15.18 (Debian 15.18-0)"), ((1, 16), b"\x01", "16.15")],
)
def test_a_dump_tells_its_server(archive, compression, version):
    start = header(archive, compression, version)
    assert restore_dump.version(start) == version
    assert restore_dump.major(version) == int(version[:2])


@pytest.mark.parametrize("start", [b"", b"-- PostgreSQL database dump" * 9, header((1, 16), b"\x01", "16.15")[:60]])
def test_what_is_no_dump_is_refused(start):
    with pytest.raises(BackupError, match="not a dump"):
        restore_dump.version(start)


def test_roles_that_are_there_are_not_created_again():
    text = (
        "CREATE ROLE prodg;\nALTER ROLE prodg WITH LOGIN PASSWORD 'x';\nCREATE ROLE \"Odd one\";\nCREATE ROLE reader;\n"
    )
    made = restore_dump.without_roles(text, ["prodg", '"Odd one"'])
    assert made == "ALTER ROLE prodg WITH LOGIN PASSWORD 'x';\nCREATE ROLE reader;\n"


def test_names_and_passwords_are_quoted():
    assert restore_dump.password_statement('o"o', "it's\\n") == "alter role \"o\"\"o\" password 'it''s\\n';\n"


def test_composes_env_is_read_as_the_deploy_writes_it(tmp_path):
    values = {"PLAIN": "it is $5", "QUOTE": 'it\'s "\\" and $HOME', "EMPTY": "", "SPACE": " a = b # c "}
    path = tmp_path / ".env"
    path.write_text(dotenv(values))
    assert restore_env.read(path) == values


def test_an_environment_is_filled_in_or_refused_by_name():
    service = Service(
        "app", "app", drill={"environment": {"URL": "postgres://u:${A}@db/${B:?B is not set}", "C": "x$y"}}
    )
    assert restore_env.environment(service, {"A": "1", "B": "2"}) == {"URL": "postgres://u:1@db/2", "C": "x$y"}
    with pytest.raises(BackupError, match="no value for A, B"):
        restore_env.environment(service, {"B": ""})
    with pytest.raises(BackupError, match="C has a line break"):
        restore_env.env_file({"C": "a\nb"})


def config(*services):
    return Config("mainframe", Path("/opt/prodg"), ("age1",), (), services)


def service(name, *depends, **more):
    return Service(name, name, depends=depends, **more)


def manifest(**more):
    return Manifest("2026-01-01T000000Z", "daily", "mainframe", 1, "", "", **more)


def test_consumers_are_those_of_consumers_too_and_the_last_stops_first():
    estate = config(service("db"), service("api", "db"), service("web", "api"), service("other"))
    assert [each.name for each in restore_plan.consumers(estate, "db")] == ["web", "api"]
    assert [each.name for each in restore_plan.with_dependencies(estate, "web")] == ["db", "api", "web"]


def test_a_circle_is_a_fault_and_no_endless_loop():
    estate = config(service("a", "b"), service("b", "a"))
    with pytest.raises(BackupError, match="a → b → a"):
        restore_plan.ordered(estate, ["a"])


def test_a_database_is_replaced_with_its_logs_and_paths_elsewhere_by_themselves():
    vault = service(
        "vault",
        data={"/data": "/d/vault"},
        parts=(
            Part("sqlite", "db.sqlite3", path="/d/vault/db.sqlite3"),
            Part("files", "files", paths=("/d/vault/attachments", "/etc/vault.conf")),
        ),
    )
    found, unknown = restore_plan.pieces(vault, {"db.sqlite3": kept(), "files.tar.zst": kept(), "keys.json": kept()})
    assert not unknown
    roots = restore_plan.roots(vault, found)
    assert [(str(root.live), root.folder) for root in roots] == [("/d/vault", True), ("/etc/vault.conf", False)]
    names = {path.name for path in roots[0].covered}
    assert names == {"db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm", "db.sqlite3-journal", "attachments"}


def test_all_that_is_in_the_way_is_said_at_once():
    estate = config(service("vault", parts=(Part("sqlite", "db", path="/d/db"),)), service("app"))
    contents = Contents({"vault": {"db.sqlite": kept(), "old.rdb": kept()}, "gone": {"x.rdb": kept()}})
    with pytest.raises(BackupError) as refused:
        restore_plan.steps(estate, manifest(failed={"db": "no disk"}), contents, ["vault", "gone", "db", "app"])
    for text in (
        "db is not in the set: it failed then (no disk)",
        "vault/old.rdb",
        "gone is in the set, but",
        "no data of",
    ):
        assert text in str(refused.value)


def test_those_that_others_depend_on_are_restored_first():
    parts = (Part("sqlite", "db", path="/d/db"),)
    estate = config(service("a", "b", parts=parts), service("b", parts=parts))
    contents = Contents({"a": {"db.sqlite": kept()}, "b": {"db.sqlite": kept()}})
    assert [step.service.name for step in restore_plan.steps(estate, manifest(), contents, [])] == ["b", "a"]
