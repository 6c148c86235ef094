"""Values become Nix expressions that mean the same, laid out as nixfmt does."""

import json
import shutil
import subprocess

import pytest

from estate.render.nix_value import nix

needs_nix = pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="nix-instantiate is not installed")

VALUES = [
    "",
    "plain",
    'quoted "x" and back\\slash',
    "dollar ${builtins.abort 1} $x $${y} \\${z}",
    "lines\nand\ttabs\r",
    "''",
    "São Paulo",
    True,
    None,
    0,
    -1,
    2.5,
    [],
    {},
    ["one"],
    [-1, 2],
    {"a": 1},
    {"net.ipv4.ip_forward": "1", "with": 2, "a-b": [{"c": [[]]}], "": "", "${x}": 1, "a\nb": True},
]


@needs_nix
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_nix_reads_back_what_was_written(value):
    argv = ["nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", "--expr", nix(value)]
    found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert json.loads(found) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "[ ]"),
        ({}, "{ }"),
        (["a"], '[ "a" ]'),
        ({"a": 1}, "{ a = 1; }"),
        (["a", "b"], '[\n  "a"\n  "b"\n]'),
        ({"a": ["x", "y"], "b.c": {}}, '{\n  a = [\n    "x"\n    "y"\n  ];\n  "b.c" = { };\n}'),
        ([{"a": 1, "b": 2}], "[\n  {\n    a = 1;\n    b = 2;\n  }\n]"),
    ],
)
def test_the_layout_is_that_of_nixfmt(value, text):
    assert nix(value) == text
