"""What the verification expects, derived from declarations and rendered files."""

import pytest
from factories import stack

from estate.models.service import Health
from estate.services import CATALOG
from estate.verify.expected import (
    board_uids,
    data_sources,
    differences,
    health_path,
    is_database,
    is_queue,
    rules,
    scrape_targets,
    sshd_settings,
    words,
)


def test_an_sshd_config_is_read_as_sshd_prints_it():
    settings = sshd_settings("# a remark\nPort 22\nPermitRootLogin prohibit-password\nAllowUsers root ops\nPort 23\n\n")
    assert settings == {
        "port": {"22"},
        "permitrootlogin": {"without-password"},
        "allowusers": {"ops", "root"},
    }
    assert words("VERBOSE") == words("verbose")


def test_targets_on_the_network_of_the_host_are_scraped_at_the_gateway():
    assert scrape_targets(stack("caddy", "node-exporter", "redis")) == {
        "caddy": "http://caddy:2020/metrics",
        "node-exporter": "http://172.28.0.1:9100/metrics",
    }


def test_rules_are_named_by_group():
    document = "groups: [{name: a, rules: [{alert: Down, expr: x}, {record: 'job:up', expr: y}]}]"
    assert rules(document) == {"a": ["Down", "job:up"]}
    assert rules("") == {}


def test_data_sources_and_boards_are_known_by_uid():
    assert data_sources("datasources: [{name: Loki, uid: loki, url: 'http://loki:3100'}]") == {
        "loki": "http://loki:3100"
    }
    assert board_uids([b'{"uid": "a"}', b'{"uid": "b"}']) == {"a", "b"}


@pytest.mark.parametrize(
    ("declared", "live", "expected"),
    [
        ({"a": 1}, {"a": 1, "default": True}, []),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, ["/a/b"]),
        ({"a": {"b": "x"}}, {}, ["/a"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, []),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, ["/a"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["/a/1"]),
        ("x", "y", ["/"]),
    ],
)
def test_differences_name_paths_and_overlook_defaults(declared, live, expected):
    assert differences(declared, live) == expected


def test_differences_never_quote_a_value():
    assert "hunter2" not in str(differences({"token": "hunter2"}, {"token": "other"}))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("vaultwarden", "/alive"),
        ("infisical", "/api/status"),
        ("hermes-api", "/health"),
        ("headscale", ""),
        ("docs", ""),
    ],
)
def test_the_health_path_is_the_one_of_the_health_check(name, path):
    assert health_path(CATALOG[name]) == path


def test_a_health_check_of_another_port_is_not_the_service_s():
    service = CATALOG["vaultwarden"].model_copy(update={"health": Health.curl(1, "/x")})
    assert health_path(service) == ""


def test_databases_and_queues_are_known_by_their_image():
    assert {name for name, service in CATALOG.items() if is_database(service)} == {"postgres", "infisical-db"}
    assert {name for name, service in CATALOG.items() if is_queue(service)} == {"redis", "infisical-redis"}
