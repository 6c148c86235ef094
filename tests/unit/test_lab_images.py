"""The lab's images: the table is complete, hashes follow the inputs, the registry is asked, not guessed."""

import importlib
import io
import tarfile
from dataclasses import replace

import httpx
import pytest

from lab.errors import LabError
from lab.images import TABLE, markdown_table
from lab.images.base import hooks
from lab.images.engine import HASH_LABEL
from lab.images.ensure import all_layers, ensure
from lab.images.layer import Dir, File, Layer, Link
from lab.images.registry import Registry, repository

supply = importlib.import_module("lab.images.ensure")  # the package gives the function by this name
LAYER = Layer("x", (File("a/b", "text", 0o755), Dir("c", 70, 70, 0o700), Link("d", "e")), ("USER 70",))


def test_every_image_of_the_table_has_a_layer_and_none_is_left_over() -> None:
    assert sorted(all_layers()) == sorted(image.name for image in TABLE)
    assert len({image.ref for image in TABLE}) == len(TABLE)


def test_the_table_marks_stand_ins() -> None:
    rows = markdown_table().splitlines()[2:]
    assert len(rows) == len(TABLE)
    for row, image in zip(rows, TABLE, strict=True):
        assert image.ref in row
        assert ("stand-in" in row) is (image.kind == "stand-in") or image.kind == "real"


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("docker.io/library/caddy:2.11.4-alpine", ("library/caddy", "2.11.4-alpine")),
        ("ghcr.io/google/cadvisor:v0.60.5", ("google/cadvisor", "v0.60.5")),
    ],
)
def test_the_mirror_drops_the_registrys_name(ref: str, expected: tuple[str, str]) -> None:
    assert repository(ref) == expected


def test_the_hash_follows_files_owners_and_instructions() -> None:
    changed = [
        replace(LAYER, instructions=("USER 71",)),
        replace(LAYER, entries=(*LAYER.entries[:1], Dir("c", 71, 70, 0o700), LAYER.entries[2])),
        replace(LAYER, entries=(File("a/b", "other", 0o755), *LAYER.entries[1:])),
    ]
    assert len({LAYER.hash, *(layer.hash for layer in changed)}) == 4
    assert replace(LAYER).hash == LAYER.hash


def test_the_context_is_a_dockerfile_and_a_layer_with_owners() -> None:
    with tarfile.open(fileobj=io.BytesIO(LAYER.context("base:1"))) as context:
        dockerfile = context.extractfile("Dockerfile")
        layer = context.extractfile("layer.tar")
        assert dockerfile is not None
        assert layer is not None
        lines = dockerfile.read().decode().splitlines()
        with tarfile.open(fileobj=io.BytesIO(layer.read())) as inner:
            members = {member.name: member for member in inner}
    assert lines == ["FROM base:1", "ADD layer.tar /", "USER 70", f"LABEL {HASH_LABEL}={LAYER.hash}"]
    assert (members["c"].uid, members["c"].mode, members["d"].linkname) == (70, 0o700, "e")


def test_paths_stay_out_of_the_merged_bin() -> None:
    files = [entry for layer in all_layers().values() for entry in layer.entries]
    assert not [e for e in files if str(getattr(e, "path", "")).startswith(("bin/", "sbin/", "lib/", "/"))]
    assert all(hook.startswith("--") for hook in hooks())


def registry(label: str | None, https: bool = False) -> Registry:
    def answer(request: httpx.Request) -> httpx.Response:
        if (request.url.scheme == "https") is not https:
            raise httpx.ConnectError("refused")
        if request.url.path == "/v2/":
            return httpx.Response(200)
        if label is None:
            return httpx.Response(404)
        if "/manifests/" in request.url.path:
            return httpx.Response(200, json={"config": {"digest": "sha256:1"}})
        return httpx.Response(200, json={"config": {"Labels": {HASH_LABEL: label} if label else None}})

    return Registry("lab:5000", httpx.Client(transport=httpx.MockTransport(answer)))


@pytest.mark.parametrize("https", [False, True])
@pytest.mark.parametrize(("label", "expected"), [("abc", "abc"), ("", None), (None, None)])
def test_the_registry_tells_the_hash(label: str | None, expected: str | None, https: bool) -> None:
    assert registry(label, https).hash_of("docker.io/x/y:1") == expected


def test_a_silent_registry_is_told_with_a_remedy() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    silent = Registry("lab:5000", httpx.Client(transport=httpx.MockTransport(refuse)))
    with pytest.raises(LabError, match="does not answer"):
        silent.hash_of("docker.io/x/y:1")


def test_ensure_does_nothing_when_the_registry_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = {image.ref: all_layers()[image.name].hash for image in TABLE}
    monkeypatch.setattr(Registry, "hash_of", lambda self, ref: hashes[ref])
    monkeypatch.setattr(supply.engine, "docker", lambda: None)
    said: list[str] = []
    ensure("lab:5000", said.append)
    assert said == [f"images: 0 pushed, {len(TABLE)} already there"]


def test_ensure_builds_and_pushes_only_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = all_layers()
    hashes = {image.ref: layers[image.name].hash for image in TABLE if image.name not in ("loki", "caddy")}
    built: list[str] = []
    pushed: list[str] = []
    monkeypatch.setattr(Registry, "hash_of", lambda self, ref: hashes.get(ref))
    monkeypatch.setattr(supply.engine, "docker", lambda: None)
    monkeypatch.setattr(supply.engine, "present", lambda docker: {supply.base_tag(), layers["caddy"].tag})
    monkeypatch.setattr(supply.engine, "build", lambda docker, tag, context: built.append(tag))
    monkeypatch.setattr(supply.engine, "push", lambda docker, local, remote: pushed.append(remote))
    monkeypatch.setattr(supply.engine, "drop_older", lambda docker, wanted: None)
    ensure("lab:5000", lambda line: None)
    assert built == [layers["loki"].tag]
    assert pushed == ["lab:5000/library/caddy:2.11.4-alpine", "lab:5000/grafana/loki:3.7.6"]
