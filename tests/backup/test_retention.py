"""Retention: the last good copy stays, whatever happens; and nothing goes before the newest set is proven."""

import time

import pytest

from estate_backup.config import Retention
from estate_backup.retention import Entry, decide, epoch, proven

DAY = 86400
FIRST = 1_790_000_000


def identity(day: float) -> str:
    return time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime(FIRST + day * DAY))


def daily(count, kind="daily", start=0, **change):
    return [Entry(kind, identity(start + n), start + n + 1, True, True, **change) for n in range(count)]


def drill(*days):
    return {identity(day): {"ok": True} for day in days}


POLICY = Retention(daily=7, weekly=4, monthly=6, max_deletions=5)


def gone(decision):
    return [item.id for item in decision.delete]


def test_the_oldest_beyond_the_count_goes():
    assert gone(decide(daily(9), POLICY, drill(8))) == [identity(0), identity(1)]


def test_no_more_than_the_cap_goes_in_a_run():
    decision = decide(daily(30), POLICY, drill(29))
    assert len(decision.delete) == 5
    assert decision.why == "23 sets may go, 5 at most in a run"


@pytest.mark.parametrize(
    ("drills", "goes"),
    [
        ({}, False),
        (drill(8), True),
        (drill(0), True),  # eight days older
        ({identity(-0.1): {"ok": True}}, False),
        ({identity(8): {"ok": False}}, False),
        ({identity(9): {"ok": True}}, False),  # of a set that is later: of another host's clock
    ],
)
def test_nothing_goes_before_the_newest_is_proven(drills, goes):
    assert bool(decide(daily(9), POLICY, drills).delete) is goes


@pytest.mark.parametrize(
    "newest",
    [
        Entry("daily", identity(9), 10, True, False),
        Entry("daily", identity(9), None, False, False, True),
        Entry("daily", identity(9), None, False, False, False),
    ],
    ids=["suspect or failed", "incomplete", "altered"],
)
def test_nothing_goes_while_the_newest_is_not_good(newest):
    decision = decide([*daily(9), newest], POLICY, drill(8, 9))
    assert not decision.delete
    assert identity(9) in decision.why


@pytest.mark.parametrize(
    "safety",
    [
        Entry("pre-restore", identity(9), 10, True, False),
        Entry("pre-restore", identity(9), 10, True, True),
        Entry("pre-restore", identity(9), None, False, False, True),
    ],
    ids=["bad", "good", "incomplete"],
)
def test_what_a_restore_put_away_is_not_the_newest(safety):
    decision = decide([*daily(9), safety], POLICY, drill(8))
    assert gone(decision) == [identity(0), identity(1)]


def test_sets_that_restores_put_away_are_none_to_lose_others_for():
    sets = [Entry("pre-restore", identity(n), n + 1, True, True) for n in range(9)]
    assert decide(sets, POLICY, drill(8), keep_newest=2).why == "there is no complete set"


def test_an_upload_that_is_dated_ahead_is_named_with_its_remedy():
    ahead = Entry("daily", identity(400), None, False, False, True)
    decision = decide([*daily(9), ahead], POLICY, drill(8))
    assert not decision.delete
    assert f"estate-backup prune --incomplete {identity(400)}" in decision.why
    altered = Entry("daily", identity(400), None, False, False, False)
    assert "prune" not in decide([*daily(9), altered], POLICY, drill(8)).why


def test_bad_sets_do_not_push_out_good_ones():
    sets = daily(9)
    for number in (2, 4, 6, 7):
        sets[number] = Entry("daily", identity(number), number + 1, True, False)
    assert not decide(sets, POLICY, drill(8)).delete  # five good ones


def test_a_bad_set_goes_when_enough_good_ones_are_newer():
    sets = [Entry("daily", identity(-1), 0, True, False), *daily(7)]
    assert gone(decide(sets, POLICY, drill(6))) == [identity(-1)]


def test_an_interrupted_upload_goes_when_a_later_set_is_proven():
    sets = [*daily(3), Entry("daily", identity(0.5), None, False, False, True)]
    assert gone(decide(sets, POLICY, drill(2))) == [identity(0.5)]


def test_a_set_whose_signature_does_not_match_is_never_removed():
    sets = [*daily(9), Entry("daily", identity(0.5), None, False, False, False)]
    assert gone(decide(sets, POLICY, drill(8))) == [identity(0), identity(1)]


def test_sequences_order_the_sets_when_the_clock_went_back():
    sets = daily(8)
    # the newest by sequence has the oldest name
    sets.append(Entry("daily", identity(-30), 9, True, True))
    assert gone(decide(sets, POLICY, drill(-30))) == [identity(0), identity(1)]


def test_the_first_weekly_of_each_month_stays_longer():
    sets = [Entry("weekly", identity(7 * n), n + 1, True, True) for n in range(40)]
    left = list(sets)
    while doomed := decide(left, POLICY, drill(7 * 39)).delete:
        left = [item for item in left if item not in doomed]
    months = sorted({item.id[:7] for item in sets})[-6:]
    first = {min(item.id for item in sets if item.id[:7] == month) for month in months}
    assert {item.id for item in left} == first | {item.id for item in sets[-4:]}


def test_sets_of_other_kinds_stay():
    sets = [*daily(20, "manual"), *daily(1, start=30)]
    assert not decide(sets, POLICY, drill(30)).delete


def test_a_small_store_keeps_the_newest_of_each_kind_only():
    sets = [*daily(4), *daily(4, "manual", start=10)]
    assert gone(decide(sets, POLICY, drill(13), keep_newest=2)) == [identity(n) for n in (0, 1, 10, 11)]


def test_the_newest_proven_set_stays():
    sets = [*daily(4), *daily(3, start=6)]
    doomed = gone(decide(sets, Retention(1, 1, 0, 50), drill(0, 2)))
    assert identity(2) not in doomed
    assert identity(0) in doomed


def test_an_empty_store_loses_nothing():
    assert decide([], POLICY, {}).why == "there is no complete set"


def test_days_are_told_by_the_id():
    assert epoch("1970-01-02T000000Z") == DAY
    assert proven(identity(0), {identity(0): {"ok": True, "at": "later"}})
