"""What Uptime Kuma should watch, and what has to change for it; the bridge's files."""

import json
from dataclasses import replace

import pytest
from monitored_fleet import FLEET, SEED, listed, mesh
from pydantic import SecretStr

from estate.edge import bridge
from estate.edge.monitors import SHORTEST, changes, key_of, kuma_token, ours, push_token, wanted
from estate.models.faults import EstateFaults
from push_bridge.config import load


def test_each_node_has_two_push_monitors_and_one_over_https_in_its_group():
    told = {monitor.key: monitor for monitor in FLEET}
    assert list(told) == [name + part for name in ("zurich", "tokyo") for part in ("", "/sev2", "/sev1", "/https")]
    sev2, sev1, https = told["tokyo/sev2"].settings, told["tokyo/sev1"].settings, told["tokyo/https"].settings
    assert (sev2["interval"], sev2["maxretries"]) == (60, 0)
    assert (sev1["interval"], sev1["maxretries"]) == (300, 0)
    assert https["url"] == "https://tokyo.clavitor.example/health"
    assert https["expiryNotification"] is True
    assert "pushToken" not in https


def test_tokens_follow_from_the_seed_and_are_all_different():
    tokens = [push_token(SEED, "tokyo"), push_token(SEED, "seoul")]
    tokens += [kuma_token(SEED, severity, node) for severity in ("sev2", "sev1") for node in ("tokyo", "seoul")]
    values = [token.get_secret_value() for token in tokens]
    assert len({value[:32] for value in values}) == 6
    assert all(value.isalnum() for value in values)
    assert [len(value) for value in values] == [40, 40, 32, 32, 32, 32]
    assert kuma_token(SEED, "sev2", "tokyo") == tokens[2]
    assert kuma_token(SecretStr("other"), "sev2", "tokyo") != tokens[2]


def test_no_token_is_shown_by_a_monitor():
    assert all(monitor.push_token.get_secret_value() not in repr(FLEET) for monitor in FLEET if monitor.push_token)


def test_intervals_that_kuma_refuses_are_faults_all_at_once():
    with pytest.raises(EstateFaults) as caught:
        wanted(mesh("zurich", sev2_after=5, sev1_after=SHORTEST - 1), SEED)
    assert [fault.path for fault in caught.value.faults] == ["telemetry/sev1_after", "telemetry/sev2_after"]


def test_an_empty_kuma_gets_all_groups_first():
    todo = changes(FLEET, {})
    assert todo.add == tuple(FLEET)
    assert todo.add[0].kind == "group"
    assert todo


@pytest.mark.parametrize("notifications", [(), (3,), (3, 4)])
def test_what_is_there_is_not_touched(notifications):
    assert not changes(FLEET, listed(notifications=notifications), notifications)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"interval": 61}, ("interval",)),
        ({"name": "x", "maxretries": 3}, ("name", "maxretries")),
        ({"pushToken": "y"}, ("pushToken",)),
        ({"parent": None}, ("parent",)),
        ({"notificationIDList": {"7": True}}, ("notificationIDList",)),
        ({"notificationIDList": {"7": False}}, ()),
        ({"weight": 1, "active": False}, ()),
    ],
)
def test_a_difference_is_an_edit_that_names_the_settings(change, fields):
    present = listed()
    present[2] |= change
    todo = changes(FLEET, present)
    assert [(edit.id, edit.fields) for edit in todo.edit] == ([(2, fields)] if fields else [])
    assert not todo.add
    assert not todo.delete


def test_a_new_notification_is_an_edit_of_all_but_the_groups():
    kinds = {edit.monitor.kind for edit in changes(FLEET, listed(), (3,)).edit}
    assert kinds == {"push", "http"}


def test_only_ours_are_deleted():
    present = listed()
    present[90] = {"id": 90, "name": "by hand", "description": "see the wiki"}
    present[91] = {"id": 91, "name": "no description", "description": None}
    todo = changes([monitor for monitor in FLEET if monitor.key.startswith("zurich")], present)
    assert set(todo.delete) == {5, 6, 7, 8}
    assert todo.delete[5] == "tokyo (Tokyo)"


def test_a_clone_that_was_made_in_kuma_is_not_taken_for_the_original():
    present = listed()
    present[50] = {**present[2], "id": 50, "name": "clone"}
    assert ours(present)["zurich/sev2"] == 2
    assert not changes(FLEET, present)
    assert key_of(present[50]) == "zurich/sev2"


def test_the_bridges_files_are_what_the_bridge_reads(tmp_path):
    fleet = mesh("zurich", "tokyo", cert_days=21)
    (tmp_path / "config.json").write_text(json.dumps(bridge.config(fleet)))
    secrets = bridge.secrets(fleet, SEED)
    (tmp_path / "secrets").write_text(secrets.get_secret_value())
    config, tokens = load(tmp_path / "config.json", tmp_path / "secrets")
    assert config.nodes == ("zurich", "tokyo")
    assert (config.listen, config.kuma, config.cert_days) == ("10.84.0.1", "http://10.84.0.1:3001", 21)
    assert tokens.push["tokyo"] == push_token(SEED, "tokyo").get_secret_value()
    assert tokens.kuma["tokyo"]["sev1"] == kuma_token(SEED, "sev1", "tokyo").get_secret_value()
    assert tokens.push["tokyo"] not in repr((bridge.config(fleet), secrets))


def test_a_node_that_moves_to_another_group_is_edited():
    moved = [replace(monitor, parent="zurich") if monitor.key == "tokyo/sev2" else monitor for monitor in FLEET]
    assert [edit.fields for edit in changes(moved, listed()).edit] == [("parent",)]
