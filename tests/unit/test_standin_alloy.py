"""Contract of the Alloy stand-in: its language, its refusals, and that no line is lost or sent twice."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lab.standins.alloy.__main__ import main
from lab.standins.alloy.app import Runner, create
from lab.standins.alloy.config import load
from lab.standins.alloy.river import Reference, RiverError, parse
from lab.standins.alloy.shipper import Shipper
from lab.standins.alloy.stages import Entry, Stage, nanoseconds

WRITE = 'loki.write "loki" { endpoint { url = "http://loki/push" } external_labels = { host = "h" } }\n'
PLAIN = """
local.file_match "a" { path_targets = [{"__path__" = "%s", "job" = "host"}] }
loki.source.file "a" { targets = local.file_match.a.targets forward_to = [loki.write.loki.receiver] }
"""


class Loki:
    """A Loki that keeps what it is sent."""

    def __init__(self) -> None:
        self.status = 204
        self.streams: list[dict[str, object]] = []

    def push(self, url: str, body: bytes) -> int:
        if self.status == 204:
            self.streams += json.loads(body)["streams"]
        return self.status

    @property
    def lines(self) -> list[str]:
        return [value[1] for stream in self.streams for value in stream["values"]]  # type: ignore[attr-defined]


def test_the_language_has_labels_comments_lists_objects_and_references() -> None:
    root = parse('/* a */ a.b "c" { // d\n x = ["e\\n", `f\\n`, 1, true] y = {k = "v", "l" = null,} z = g.h.i\n m {} }')
    (block,) = root.blocks
    assert (block.name, block.label) == ("a.b", "c")
    assert block.attributes["x"] == ["e\n", "f\\n", 1, True]
    assert block.attributes["y"] == {"k": "v", "l": None}
    assert block.attributes["z"] == Reference("g.h.i", 2)
    assert [inner.name for inner in block.blocks] == ["m"]


def test_environment_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESTATE_X", "y")
    assert parse('a { b = sys.env("ESTATE_X") }').blocks[0].attributes == {"b": "y"}


def test_an_empty_configuration_is_good() -> None:
    assert load("// nothing\n").components == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a {", "1: expected"),
        ("\n\na = ;", "3: illegal character"),
        ("a = 1", "unrecognized attribute"),
        ('prometheus.scrape "a" {}', "cannot find the definition of component"),
        ("loki.write { }", "requires a label"),
        (WRITE + WRITE, "already declared"),
        ('loki.write "a" { nonsense = 1 }', 'unrecognized attribute name "nonsense"'),
        ('loki.write "a" { endpoint { } }', 'missing required attribute "url"'),
        ('loki.write "a" { other { } }', "cannot find the definition of block"),
        ('loki.source.file "a" { targets = local.file_match.b.targets forward_to = [] }', "does not exist"),
        ('loki.source.file "a" { targets = [] forward_to = [loki.write.b.receiver] }', "does not exist"),
        ('loki.source.file "a" { targets = [{"job" = "x"}] forward_to = [] }', "__path__"),
        ('loki.source.file "a" { targets = [] forward_to = ["x"] }', "list of receivers"),
        (WRITE + 'loki.process "a" { forward_to = [] stage.regex { } }', "cannot find the definition"),
        ('a "b" { c = f(1) }', "function f is not known"),
    ],
)
def test_faults_name_their_line(text: str, message: str) -> None:
    with pytest.raises(RiverError, match=message):
        load(text)


def test_validate_says_so_by_its_status(tmp_path: Path) -> None:
    file = tmp_path / "config.alloy"
    file.write_text(WRITE)
    assert main(["validate", str(file)]) == 0
    file.write_text("nonsense {}")
    assert main(["validate", str(file)]) == 1
    assert main(["run", str(file)]) == 1


def shipper(tmp_path: Path, loki: Loki, text: str = "") -> Shipper:
    config = load(WRITE + (text or PLAIN % (tmp_path / "log" / "**" / "*.log")))
    return Shipper(config, tmp_path / "storage", loki.push)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log" / "deep").mkdir(parents=True)
    return tmp_path / "log" / "deep" / "a.log"


def test_whole_lines_go_once_with_their_labels(tmp_path: Path, log: Path) -> None:
    loki = Loki()
    log.write_text("one\ntwo\nhal")
    ship = shipper(tmp_path, loki)
    ship.once()
    ship.once()
    assert loki.lines == ["one", "two"]
    assert loki.streams[0]["stream"] == {"host": "h", "job": "host", "filename": str(log)}
    with log.open("a") as handle:
        handle.write("f\n")
    ship.once()
    assert loki.lines == ["one", "two", "half"]


def test_a_restart_goes_on_where_it_was(tmp_path: Path, log: Path) -> None:
    loki = Loki()
    log.write_text("one\n")
    shipper(tmp_path, loki).once()
    with log.open("a") as handle:
        handle.write("two\n")
    shipper(tmp_path, loki).once()
    assert loki.lines == ["one", "two"]


@pytest.mark.parametrize("status", [0, 429, 500])
def test_nothing_is_lost_while_loki_is_away(tmp_path: Path, log: Path, status: int) -> None:
    loki = Loki()
    loki.status = status
    log.write_text("one\n")
    ship = shipper(tmp_path, loki)
    assert ship.once() == (0, 1)
    loki.status = 204
    assert ship.once() == (1, 0)
    assert loki.lines == ["one"]


def test_what_loki_refuses_is_dropped_and_counted(tmp_path: Path, log: Path) -> None:
    loki = Loki()
    loki.status = 400
    log.write_text("one\n")
    ship = shipper(tmp_path, loki)
    assert ship.once() == (1, 0)
    assert ship.counts["dropped"] == 1


def test_a_replaced_file_is_read_from_its_start(tmp_path: Path, log: Path) -> None:
    loki = Loki()
    log.write_text("one\n")
    ship = shipper(tmp_path, loki)
    ship.once()
    log.rename(log.with_suffix(".1"))
    log.write_text("two\n")
    ship.once()
    assert loki.lines == ["one", "two"]


def test_the_containers_pipeline_takes_line_time_and_labels_from_the_engines_json(tmp_path: Path, log: Path) -> None:
    loki = Loki()
    record = {"log": "hello\n", "stream": "stderr", "time": "2026-11-21T01:40:05.123456789Z", "attrs": {"tag": "web"}}
    log.write_text(json.dumps(record) + "\n")
    text = f"""
    loki.source.file "c" {{
      targets    = [{{"__path__" = "{log}", "job" = "containers"}}]
      forward_to = [loki.process.c.receiver]
    }}
    loki.process "c" {{
      forward_to = [loki.write.loki.receiver]
      stage.json {{
        expressions = {{ log = "log", stream = "stream", time = "time", container = "attrs.tag" }}
      }}
      stage.timestamp {{
        source = "time"
        format = "RFC3339Nano"
      }}
      stage.labels {{
        values = {{ container = "container", stream = "" }}
      }}
      stage.label_drop {{
        values = ["filename"]
      }}
      stage.output {{
        source = "log"
      }}
    }}
    """
    shipper(tmp_path, loki, text).once()
    (stream,) = loki.streams
    assert stream["stream"] == {"host": "h", "job": "containers", "container": "web", "stream": "stderr"}
    assert stream["values"] == [["1795225205123456789", "hello"]]


def test_the_docker_stage_is_the_same_in_one() -> None:
    entry = Entry(0, {}, '{"log":"x\\n","stream":"stdout","time":"2026-11-21T01:40:05Z"}')
    Stage("docker", {}).apply(entry)
    assert (entry.line, entry.labels, entry.at) == ("x", {"stream": "stdout"}, 1795225205000000000)


def test_a_time_that_is_none_keeps_the_old_one() -> None:
    assert nanoseconds("yesterday") is None
    assert nanoseconds("1970-01-01T00:00:01.5+00:00") == 1_500_000_000


def test_reload_takes_good_configurations_only(tmp_path: Path) -> None:
    file = tmp_path / "config.alloy"
    file.write_text(WRITE)
    runner = Runner(file, tmp_path / "storage")
    client = TestClient(create(runner))
    assert client.get("/-/ready").status_code == 200
    file.write_text("nonsense {}")
    assert client.post("/-/reload").status_code == 400
    assert client.get("/-/healthy").status_code == 500
    file.write_text("")
    assert client.post("/-/reload").status_code == 200
    assert client.get("/-/healthy").status_code == 200
    assert "running_components 0" in client.get("/metrics").text
