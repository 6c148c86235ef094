"""A run's page: what it says, that nothing in a record becomes markup, and that it needs nothing else."""

import re
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest
import run_records as records

from estate.exit_codes import ExitCode
from estate.run.record import HostRecord, OperationRecord, RunRecord
from estate.run.report import MEANINGS, diff_lines, duration, meaning, page, printable, tick_step, timeline, utc

EVIL = "<script>alert(1)</script>\"'`{{ 7 * 7 }}"
VOID = {"meta"}


class Reader(HTMLParser):
    """Checks that every element is closed in order, and collects elements and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def count(self, tag, **attributes):
        return sum(1 for name, has in self.elements if name == tag and attributes.items() <= has.items())

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


ALL = [records.run(), records.changed(), records.returned(), records.unreachable(), records.many()]
ALL.append(records.run(hosts=()))


@pytest.mark.parametrize("record", ALL)
def test_a_page_is_well_formed_and_the_same_each_time(record):
    text = page(record)
    Reader(text)
    assert text == page(RunRecord.model_validate_json(record.model_dump_json()))


@pytest.mark.parametrize("record", ALL)
def test_a_page_needs_no_script_and_nothing_from_elsewhere(record):
    text = page(record)
    reader = Reader(text)
    assert not {"script", "link", "img", "iframe", "base", "form"} & {tag for tag, _ in reader.elements}
    assert not [a for _, has in reader.elements for a in has if a in ("src", "href", "srcset") or a.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    assert reader.count("meta", name="viewport") == 1


def test_the_head_says_who_when_what_and_how_it_ended():
    text = Reader(page(records.run(seconds=125))).text
    for words in ("Done", "ops@desk", "2031-01-02 03:04:05 UTC", "deploy", "0123abc+", "5f2e9c", "2 min 5 s"):
        assert words in text


def test_changes_have_their_reasons_and_coloured_diffs():
    reader = Reader(page(records.changed()))
    assert "update file /etc/caddy/Caddyfile because: content, mode 0600 to 0644" in reader.text
    assert "Secrets came from the sealed copy." in reader.text
    assert [reader.count("span", **{"class": kind}) for kind in ("head", "hunk", "minus", "plus")] == [2, 1, 2, 1]
    assert "2 operations with nothing to do" in reader.text
    assert "2, 2 changes" in reader.text


def test_a_failure_is_open_and_shows_its_output():
    reader = Reader(page(records.returned()))
    assert "what it replaced is in force again" in reader.text
    assert "unknown directive" in reader.text
    hosts = [has for tag, has in reader.elements if tag == "details" and has.get("class") == "host"]
    assert ["open" in has for has in hosts] == [True, False]
    assert all(reader.count("rect", **{"class": kind}) == 1 for kind in ("failed", "returned", "interrupted"))


def test_an_unreachable_host_has_a_row_without_bars():
    record = records.unreachable()
    text = Reader(page(record)).text
    assert "unreachable, no operations" in text
    assert "No route to host" in text
    assert "Quarantined" in text
    assert [len(row.bars) for row in timeline(record).rows] == [2, 0]


def test_sixteen_hosts_have_a_row_each_with_titles():
    reader = Reader(page(records.many()))
    assert reader.count("rect") == 16 * 12
    assert reader.count("details", **{"class": "host"}) == 16
    assert "node00.machines.example.org" in reader.text


def test_nothing_in_a_record_becomes_markup():
    change = {"kind": EVIL, "name": EVIL, "action": EVIL, "why": [EVIL], "diff": f"+{EVIL}\n-{EVIL}"}
    step = {"task": EVIL, "name": EVIL, "began": 0, "ended": 1, "output": EVIL}
    steps = [OperationRecord(**step, outcome=outcome, changes=(change,)) for outcome in ("failed", EVIL)]
    steps.append(OperationRecord(**(step | {"output": ""}), outcome="unchanged"))
    texts = dict.fromkeys(("run", "estate", "who", "purpose", "commit", "plan", "outcome"), EVIL)
    lists = dict.fromkeys(("faults", "quarantined", "notices"), (EVIL,))
    evil = HostRecord(name=EVIL, outcome=EVIL, error=EVIL, operations=tuple(steps))
    idle = HostRecord(name=EVIL, outcome=EVIL)
    text = page(RunRecord(**texts, **lists, began=datetime(2031, 1, 2, tzinfo=UTC), hosts=(evil, idle)))
    reader = Reader(text)
    assert "<script" not in text
    assert reader.text.count("<script>alert(1)</script>\"'`{{ 7 * 7 }}") > 20
    known = {"class", "title", "charset", "lang", "name", "content", "http-equiv", "open", "xmlns", "viewbox", "role"}
    known |= {"aria-label", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "rx", "text-anchor"}
    assert {name for _, has in reader.elements for name in has} <= known


def test_control_characters_and_half_characters_do_not_reach_the_page():
    dirty = "\x1b[31mred\x1b[0m\x00 \ud800 \u202eback"
    change = {"kind": "file", "name": dirty, "action": "update", "why": [dirty], "diff": dirty}
    step = records.operation(0, "failed", output=dirty, changes=(change,))
    text = page(records.run(hosts=(records.host("web1", "failed", step),), notices=(dirty,)))
    assert not re.search("[\x00\x1b\ud800\u202e]", text)
    text.encode()


def test_printable_keeps_lines_and_tabs_and_drops_colours():
    assert printable("a\tb\r\nc\n") == "a\tb\nc\n"
    assert printable("\x1b[1;31merror\x1b[0m: \x1b]0;title\x07no") == "error: no"
    assert printable("a\x1bb\x9bc") == "a\ufffdb\ufffdc"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 s"), (0.44, "0.4 s"), (12.4, "12 s"), (59.7, "1 min 0 s"), (185, "3 min 5 s"), (3725, "1 h 2 min")],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(("seconds", "step"), [(0, 0.02), (1, 0.2), (8, 1), (41, 10), (80, 10), (1000, 200)])
def test_ticks_are_round_numbers_and_at_most_eight(seconds, step):
    assert tick_step(seconds) == pytest.approx(step)


def test_the_timeline_holds_what_the_clock_got_wrong():
    steps = (records.operation(5, ended=3), records.operation(0, began=-1, ended=40))
    shape = timeline(records.run(seconds=0, hosts=(records.host("web1", "done", *steps),)))
    assert all(bar.width > 0 and shape.left <= bar.x <= bar.x + bar.width <= shape.width for bar in shape.rows[0].bars)


def test_a_diff_has_heads_only_before_its_first_hunk():
    kinds = [kind for kind, _ in diff_lines(records.DIFF)]
    assert kinds == ["head", "head", "hunk", "same", "minus", "plus", "same", "minus"]


def test_every_exit_code_has_a_meaning_and_an_unknown_one_is_said_so():
    assert {code.name.lower() for code in ExitCode} == MEANINGS.keys()
    assert meaning("").word == "unfinished"
    assert meaning("new").word == "new"


def test_moments_are_in_utc():
    summer = timezone(timedelta(hours=2))
    assert utc(datetime(2031, 1, 2, 3, tzinfo=summer)) == utc(datetime(2031, 1, 2, 1))
