"""The expiry ledger: what is reported when, and what stops a deploy."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from estate.models.faults import EstateFaults
from estate.secrets.audit import Severity, gate
from estate.secrets.expiry import Expiry, Thresholds, findings

NOW = datetime(2026, 5, 8, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LIMITS = Thresholds(warn=30 * DAY, refuse=2 * DAY)
REFUSE, WARN = Severity.REFUSE, Severity.WARN
REFUSING = ["secret", "service token", "machine identity", "cloudflare token"]


def check(kind, left, lifetime=None):
    found = findings([Expiry("IT", kind, NOW + left, lifetime, "renew it")], NOW, LIMITS)
    return [(one.finding, one.severity) for one in found]


@pytest.mark.parametrize("kind", REFUSING)
@pytest.mark.parametrize(
    ("left", "said"),
    [
        (31 * DAY, None),
        (30 * DAY + timedelta(seconds=1), None),
        (30 * DAY, ("expires in 30 days", WARN)),
        (3 * DAY, ("expires in 3 days", WARN)),
        (2 * DAY + timedelta(seconds=1), ("expires in 2 days", WARN)),
        (2 * DAY, ("expires in 2 days", REFUSE)),
        (timedelta(hours=30), ("expires in 30 hours", REFUSE)),
        (timedelta(0), ("expires in 0 hours", REFUSE)),
        (timedelta(hours=-3), ("expired 3 hours ago", REFUSE)),
        (-40 * DAY, ("expired 40 days ago", REFUSE)),
    ],
)
def test_what_nobody_renews_is_reported_then_refused(kind, left, said):
    assert check(kind, left) == ([(f"{kind} {said[0]}", said[1])] if said else [])


@pytest.mark.parametrize(
    ("left", "lifetime", "said"),
    [
        (16 * DAY, 90 * DAY, None),
        (15 * DAY, 90 * DAY, None),
        (14 * DAY, 90 * DAY, "certificate expires in 14 days"),
        (-DAY, 90 * DAY, "certificate expired 24 hours ago"),
        # The certificates of Caddy's own authority live for twelve hours
        (timedelta(hours=3), timedelta(hours=12), None),
        (timedelta(hours=1), timedelta(hours=12), "certificate expires in 1 hours"),
        (4 * DAY, None, "certificate expires in 4 days"),
        (6 * DAY, None, None),
    ],
)
def test_a_certificate_is_late_by_its_lifetime_and_never_stops_a_deploy(left, lifetime, said):
    assert check("certificate", left, lifetime) == ([(said, WARN)] if said else [])


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (6 * DAY, None),
        (5 * DAY, None),
        (4 * DAY, "pre-auth key expires in 4 days"),
        (-9 * DAY, "pre-auth key expired 9 days ago"),
    ],
)
def test_a_preauth_key_that_no_deploy_renewed_is_reported_and_never_stops_one(left, said):
    assert check("pre-auth key", left, 90 * DAY) == ([(said, WARN)] if said else [])


def test_the_token_of_the_document_stops_the_deploy_on_the_day_before_its_end():
    (found,) = findings(
        [Expiry("INFISICAL_TOKEN", "service token", datetime(2026, 5, 9, tzinfo=UTC), None, "replace it")], NOW, LIMITS
    )
    assert str(found.fault) == "secrets/INFISICAL_TOKEN: service token expires in 12 hours; replace it"
    with pytest.raises(EstateFaults):
        gate([found])


def test_the_first_to_end_comes_first_in_any_zone():
    zone = timezone(timedelta(hours=9))
    ledger = [
        Expiry("B", "secret", NOW + 5 * DAY, None, ""),
        Expiry("A", "secret", (NOW + 4 * DAY).astimezone(zone), None, ""),
        Expiry("C", "secret", NOW - DAY, None, ""),
    ]
    found = findings(ledger, NOW, LIMITS)
    assert [one.secret for one in found] == ["C", "A", "B"]
    assert found[1].finding == "secret expires in 4 days"


def test_a_ledger_of_things_that_last_has_no_findings():
    assert findings([], NOW, LIMITS) == []
    assert findings([Expiry("A", "secret", NOW + 999 * DAY, None, "")], NOW, LIMITS) == []
