"""The machine's limits are checked before hosts are started."""

from pathlib import Path

import pytest

from lab import limits
from lab.errors import LabError
from lab.hosts import select


def test_the_full_profile_fits_the_usual_limit() -> None:
    assert limits.instances_needed(select("full")) < 128 - 16


def test_hosts_that_fit_are_let_through() -> None:
    limits.check(select("default"), used=100, limit=128)


def test_hosts_that_do_not_fit_are_refused_with_the_number_to_set() -> None:
    with pytest.raises(LabError, match=r"need 23 .* root holds 120 of 128; .*max_user_instances to 207"):
        limits.check(select("default"), used=120, limit=128)


def test_instances_are_counted_over_processes(tmp_path: Path) -> None:
    for pid in ("1", "2"):
        descriptors = tmp_path / pid / "fd"
        descriptors.mkdir(parents=True)
        (descriptors / "3").symlink_to("anon_inode:inotify")
        (descriptors / "4").symlink_to("socket:[1]")
    (tmp_path / "self").mkdir()
    expected = 2 if (tmp_path / "1").stat().st_uid == 0 else 0
    assert limits.instances_used(tmp_path) == expected
