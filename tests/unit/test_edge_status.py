"""The status of the fleet: what is read from a node's answer, and what is made of it."""

import pytest
from edge_fleet import keys, mesh, public_key
from edge_sweep import DAY, HOUR, NOW, WANTED, away, entry, look, sweep, units

from estate.edge.status import judge, state_of
from estate.edge.status_facts import Unit, parse
from estate.edge.status_remarks import offset
from estate.edge.status_row import Declared, Look

OTHER = "d" * 64
ANSWER = """\
now\t1800000000.25
system\tnixos
generation\t12\t/nix/store/abc-nixos\t/nix/store/abc-nixos
made\t1799990000\t1799900000
configuration\tcafe
release\treleases/0123456789abcdef
version\tclavitor 1.0.0
before\tbeef\treleases/fedcba9876543210
fetched\tcafe
disk\t41\t9000000
integrity\t1799000000\tok
failed
unit\tLastTriggerUSec=Thu 2027-01-14 04:13:20 UTC
unit\tId=estate-gc.timer
unit\tLoadState=loaded
unit\tActiveState=active
unit\tResult=success

unit\tId=vault-check.timer
unit\tLoadState=loaded
unit\tActiveState=active
unit\tLastTriggerUSec=Sat 2027-01-09 03:12:00 UTC
unit\tNextElapseUSecRealtime=n/a

unit\tId=vault-backup.timer
unit\tLoadState=not-found
unit\tActiveState=inactive
handshake\tKEY=\t1799999990
handshake\tOTHER=\t0
health\t200
end
"""


def row(name="tokyo", pinned=None, **over):
    fleet = mesh()
    rows = judge(fleet, pinned or keys(fleet), {node.name: WANTED for node in fleet.nodes}, sweep(**over))
    return next(row for row in rows if row.name == name)


def test_an_answer_is_read():
    found = parse(ANSWER)
    assert (found.now, found.generation, found.version, found.release) == (
        1800000000.25,
        12,
        "1.0.0",
        "0123456789abcdef",
    )
    assert (found.before, found.before_release, found.fetched) == ("beef", "fedcba9876543210", "cafe")
    assert (found.disk, found.integrity, found.failed) == (41, (1799000000, "ok"), ())
    assert (found.generation_made, found.key_made) == (1799990000, 1799900000)
    assert found.handshakes == {"KEY=": 1799999990, "OTHER=": 0}
    assert [found.switching, found.reverted, found.reboot, found.breakglass] == [False] * 4


def test_units_are_read_whatever_order_systemd_writes_them_in():
    assert parse(ANSWER).units == {
        "estate-gc.timer": Unit(True, "active", "success", 1799900000, 0),
        "vault-check.timer": Unit(True, "active", "", 1799464320, 0),
        "vault-backup.timer": Unit(False, "inactive", "", 0, 0),
    }


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("switching", "switching"),
        ("reverted\t0", "reverted"),
        ("reboot\tkernel", "reboot"),
        ("breakglass", "breakglass"),
    ],
)
def test_a_mark_is_read(line, name):
    assert getattr(parse(f"{line}\n{ANSWER}"), name)


@pytest.mark.parametrize("text", ["", "now\t1", ANSWER.removesuffix("end\n"), "end\n", "now\tnan\nend\n"])
def test_what_is_no_whole_answer_is_refused(text):
    with pytest.raises(ValueError, match="its answer"):
        parse(text)


def test_a_node_that_knows_nothing_is_read():
    found = parse("now\t1\ngeneration\t\t\t\nrelease\t\nversion\t\ndisk\nintegrity\nend\n")
    assert (found.generation, found.release, found.version, found.disk) == (None, "", "", None)


@pytest.mark.parametrize(
    ("seen", "pinned", "state"),
    [
        (look(), True, "current"),
        (look(configuration=OTHER), True, "behind"),
        (look(release="1" * 16), True, "behind"),
        (look(configuration=OTHER, before=WANTED.configuration, before_release=WANTED.release), True, "rolled back"),
        (look(configuration=OTHER, before=WANTED.configuration, before_release="1" * 16), True, "behind"),
        (look(configuration=OTHER, reverted=True, fetched=WANTED.configuration), True, "rolled back"),
        (look(configuration=OTHER, reverted=True, fetched=OTHER), True, "behind"),
        (look(reverted=True), True, "current"),
        (look(switching=True), True, "installing"),
        (look(system="debian"), True, "installing"),
        (look(release=""), True, "installing"),
        (away(), True, "away"),
        (away(), False, "installing"),
    ],
)
def test_state(seen, pinned, state):
    assert state_of(seen, WANTED, pinned) == state


@pytest.mark.parametrize(
    ("now", "off"), [(NOW, 0), (NOW - 2, 0), (NOW + 3, 0), (NOW + 4, 1), (NOW - 12, -10), (NOW + 63, 60)]
)
def test_a_clock_is_off_by_at_least_what_the_asking_does_not_explain(now, off):
    assert offset(Look(NOW - 2, NOW + 3), now) == off


def test_a_node_that_is_well():
    found = row()
    assert (found.state, found.ill, found.notes) == ("current", (), ())
    assert (found.push_age, found.handshake_age, found.backup_age) == (12, 40, 11 * HOUR)
    assert (found.check_age, found.gc_age, found.clock, found.cert_days) == (4 * DAY, 3 * DAY, 0, 62)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"health": "503"}, "/health answers 503"),
        ({"health": "000"}, "/health does not answer"),
        ({"failed": ("a.service", "b.timer")}, "failed units: a.service, b.timer"),
        ({"disk": 91, "free": 1024 * 700}, "/ is 91 % full, 700 MiB are free"),
        ({"now": NOW + 61}, "its clock is 60 s ahead"),
        ({"now": NOW - 61}, "its clock is 60 s behind"),
        ({"integrity": (NOW, "row 3 missing from index")}, "the integrity check found: row 3 missing from index"),
        ({"breakglass": True}, "break-glass is on; a reboot closes it"),
        ({"units": units(clavitor__service=Unit(True, "failed", "signal"))}, "clavitor.service is failed"),
        ({"units": units(estate_gc__timer=Unit(False, "inactive", ""))}, "estate-gc.timer is not there"),
        (
            {"units": units(vault_check__timer=Unit(True, "active", "", NOW - 12 * DAY))},
            "the last integrity check was 12 days ago",
        ),
        (
            {"units": units(vault_backup__service=Unit(True, "inactive", "exit-code"))},
            "the last backup ended with exit-code",
        ),
    ],
)
def test_what_is_wrong_on_a_node_is_said_once(over, said):
    found = row(looks={"tokyo": look(**over)})
    assert found.ill == (said,)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"generation_made": NOW - 20 * DAY, "key_made": NOW - 99 * DAY}, ()),
        ({"generation_made": NOW - 22 * DAY}, ("its generation is 22 days old: no update of NixOS since",)),
        ({"key_made": NOW - 101 * DAY}, ("its WireGuard key is 101 days old: `estate edge rotate`",)),
    ],
)
def test_a_routine_of_the_operators_that_is_due_is_noted(over, said):
    found = row(looks={"tokyo": look(**over)})
    assert (found.ill, found.notes) == ((), said)


def test_a_failed_job_is_not_said_twice():
    over = {
        "failed": ("vault-backup.service",),
        "units": units(vault_backup__service=Unit(True, "failed", "exit-code")),
    }
    assert row(looks={"tokyo": look(**over)}).ill == ("failed units: vault-backup.service",)


def test_a_timer_that_has_not_run_yet_is_not_late():
    found = units(**{f"{name}__timer": Unit(True, "active", "", 0, NOW) for name in ("estate_gc", "vault_check")})
    assert row(looks={"tokyo": look(units=found, integrity=(0, ""))}).ill == ()


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"alerts": ["silent: no push for 80 s"], "received": NOW - 80}, "telemetry: silent: no push for 80 s"),
        ({"received": NOW - 80}, "telemetry: no push for 80 s"),
        ({"alerts": ["certificate: 9 days left, less than 14"]}, "telemetry: certificate: 9 days left, less than 14"),
        ({"backup": {"at": NOW - 4 * DAY, "bytes": 1}}, "its newest backup is 4 days old"),
    ],
)
def test_what_the_bridge_has_against_a_node(over, said):
    assert row(entries={"tokyo": entry(**over)}).ill == (said,)


def test_another_number_of_generations_is_worth_a_note_only():
    found = row(entries={"tokyo": entry(alerts=["nix_gen: 2, most nodes run 12"])})
    assert (found.ill, found.notes) == ((), ("telemetry: nix_gen: 2, most nodes run 12",))


def test_a_node_that_is_away_is_shown_with_its_last_push():
    found = row(looks={"tokyo": away()}, entries={"tokyo": entry(received=NOW - 3 * HOUR)})
    assert (found.state, found.remembered, found.generation, found.disk) == ("away", True, 12, 41.2)
    assert (found.notes, found.health, found.ill) == (("away: No route to host",), "200", ())


def test_a_node_that_is_away_is_not_called_silent_too():
    silent = entry(received=NOW - HOUR, alerts=["silent: no push for 3600 s", "db_integrity: corrupt"])
    found = row(looks={"tokyo": away(public="timed out")}, entries={"tokyo": silent})
    assert found.notes == ("away: No route to host", "its customers get: timed out", "telemetry: db_integrity: corrupt")


def test_a_node_that_pushes_is_not_dead():
    assert "it pushes still: it runs, only its sshd is not reached" in row(looks={"tokyo": away()}).notes


def test_what_the_hub_knows_of_a_tunnel_that_is_down():
    key = public_key("tokyo")
    hub = {"looks": {"tokyo": away(public=""), "zurich": look(handshakes={key: NOW - 1200})}}
    assert row(**hub).handshake_age == 1200
    hub["looks"]["zurich"] = look(handshakes={})
    assert row(**hub).notes[-1] == "the hub does not know its key: deploy the hub"
    hub["looks"]["zurich"] = look(handshakes={key: 0})
    assert row(**hub).notes[-1] == "it has not shaken hands since the hub's WireGuard started"


def test_without_the_hub_every_spoke_says_why_and_what_it_serves():
    fleet = mesh()
    looks = {node.name: away("Connection timed out") for node in fleet.nodes}
    over = {"looks": looks, "bridge": None, "silence": "timed out"}
    assert row(**over).notes == ("away: so is its hub",)
    assert row("zurich", **over).notes == ("away: Connection timed out",)
    assert row(**over).health == "200"
    assert row(**over).push_age is None


def test_without_the_bridge_nothing_is_held_against_a_node():
    assert row(bridge=None, silence="refused").ill == ()


def test_a_node_that_is_being_installed_is_not_ill():
    found = row(
        looks={"tokyo": look(release="", health="000")}, entries={"tokyo": entry(alerts=["it has never pushed"])}
    )
    assert (found.state, found.ill) == ("installing", ())
    assert found.notes[0] == "it has no release yet: `estate edge rollout`"


def test_a_node_without_a_pinned_key_is_to_be_installed():
    found = row(looks={"tokyo": away()}, pinned=keys(mesh()).without("tokyo"))
    assert found.notes[0] == "not installed: no key of it is pinned; `estate edge install`"


@pytest.mark.parametrize(("shaken", "said"), [(0, "the hub has not seen it yet"), (NOW, "the hub has seen it")])
def test_a_rotation_shows(shaken, said):
    fleet = mesh()
    hub = look(handshakes={public_key("tokyo"): NOW, public_key("new"): shaken})
    found = row(pinned=keys(fleet).with_following("tokyo", public_key("new")), looks={"zurich": hub})
    assert found.notes == (f"is being moved to another WireGuard key; {said}",)


def test_what_a_reboot_would_do_is_a_note():
    found = row(looks={"tokyo": look(reboot=True, profile="/nix/store/other")})
    assert found.ill == ()
    assert found.notes == (
        "a reboot is needed: it runs another kernel than its generation's",
        "it would boot another generation than the one that runs",
    )


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"configuration": OTHER}, "behind: not the declared configuration"),
        ({"release": "1" * 16}, f"behind: not the declared release {WANTED.release}"),
        (
            {"configuration": OTHER, "reverted": True, "fetched": WANTED.configuration},
            "it took its last switch back by itself: not the declared configuration",
        ),
    ],
)
def test_a_node_that_is_not_current_says_in_what(over, said):
    assert row(looks={"tokyo": look(**over)}).notes == (said,)


def test_every_node_has_a_row_in_the_order_of_the_list():
    fleet = mesh()
    rows = judge(fleet, keys(fleet), {node.name: Declared(OTHER, OTHER) for node in fleet.nodes}, sweep())
    assert [row.name for row in rows] == [node.name for node in fleet.nodes]
    assert all(row.state == "behind" for row in rows)
