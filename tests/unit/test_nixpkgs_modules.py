"""The stand-in's module system: the same cases are put to nixpkgs' own where it is at hand."""

from typing import Any

import pytest
from nixpkgs_eval import NIXPKGS_LIB, STAND_IN, NixError, needs_nix, needs_nixpkgs_lib, nix

pytestmark = needs_nix

LIBS = [
    pytest.param(f"{STAND_IN}/lib", id="stand-in"),
    pytest.param(NIXPKGS_LIB, id="nixpkgs", marks=needs_nixpkgs_lib),
]
OPTIONS = """{
  _file = "/options.nix";
  options = with lib; with lib.types; {
    on = mkOption { type = bool; default = false; };
    words = mkOption { type = listOf str; default = [ ]; };
    text = mkOption { type = lines; default = ""; };
    size = mkOption { type = nullOr int; default = null; };
    port = mkOption { type = types.port; default = 22; };
    mode = mkOption { type = enum [ "a" "b" ]; default = "a"; };
    many = mkOption { type = either str (listOf str); default = "x"; apply = toList; };
    needed = mkOption { type = str; };
    free = mkOption {
      default = { };
      type = submodule {
        freeformType = attrsOf (oneOf [ bool int str ]);
        options.known = mkOption { type = int; default = 1; };
      };
    };
    peers = mkOption {
      default = [ ];
      type = listOf (submodule {
        options.key = mkOption { type = str; };
        options.ips = mkOption { type = listOf str; default = [ ]; };
      });
    };
    units = mkOption {
      default = { };
      type = attrsOf (submodule ({ name, config, ... }: {
        options.title = mkOption { type = str; default = name; };
        options.options = mkOption { type = listOf str; default = [ ]; };
        options.loud = mkOption { type = str; };
        config.loud = mkDefault "${config.title}!";
      }));
    };
  };
}"""


def evaluate(lib: str, *modules: str, attribute: str) -> Any:
    body = " ".join(f'{{ _file = "/m{n}.nix"; imports = [ ({module}) ]; }}' for n, module in enumerate(modules, 1))
    merged = f"lib.evalModules {{ modules = [ {OPTIONS} {body} ]; }}"
    return nix("--expr", f"let lib = import {lib}; in ({merged}).config.{attribute}")


@pytest.mark.parametrize("lib", LIBS)
@pytest.mark.parametrize(
    ("modules", "attribute", "value"),
    [
        ((), "on", False),
        (("{ on = true; }",), "on", True),
        (("{ lib, ... }: { on = lib.mkDefault true; }", "{ on = false; }"), "on", False),
        (("{ lib, ... }: { on = lib.mkForce true; }", "{ on = false; }"), "on", True),
        (("{ lib, ... }: { on = lib.mkOverride 10 false; }", "{ lib, ... }: { on = lib.mkForce true; }"), "on", False),
        (("{ config = { on = true; }; }",), "on", True),
        (('{ words = [ "a" ]; }', '{ words = [ "b" ]; }'), "words", ["b", "a"]),
        (('{ imports = [ { words = [ "b" ]; } ]; words = [ "a" ]; }',), "words", ["b", "a"]),
        (('{ lib, ... }: { words = lib.mkMerge [ [ "a" ] (lib.mkIf false [ "b" ]) [ "c" ] ]; }',), "words", ["a", "c"]),
        (('{ lib, ... }: { words = lib.mkAfter [ "z" ]; }', '{ words = [ "a" ]; }'), "words", ["a", "z"]),
        (('{ lib, config, ... }: lib.mkIf config.on { words = [ "a" ]; }', "{ on = true; }"), "words", ["a"]),
        (
            ('{ lib, config, ... }: lib.mkMerge [ { on = true; } (lib.mkIf config.on { text = "t"; }) ]',),
            "text",
            "t",
        ),
        (('{ text = "a"; }', '{ text = "b"; }'), "text", "b\na"),
        (("{ size = 3; }",), "size", 3),
        (('{ many = [ "a" "b" ]; }',), "many", ["a", "b"]),
        (
            ("{ free.other = true; free.known = 2; }", '{ free.more = "x"; }'),
            "free",
            {"known": 2, "more": "x", "other": True},
        ),
        (
            ('{ peers = [ { key = "a"; } { key = "b"; ips = [ "i" ]; } ]; }',),
            "peers",
            [{"ips": [], "key": "a"}, {"ips": ["i"], "key": "b"}],
        ),
        (
            (
                '{ units.a.options = [ "o" ]; }',
                '{ units.b.title = "B"; }',
                '{ lib, ... }: { units.a.loud = lib.mkForce "l"; }',
            ),
            "units",
            {"a": {"loud": "l", "options": ["o"], "title": "a"}, "b": {"loud": "B!", "options": [], "title": "B"}},
        ),
        (("{ lib, ... }: { units.a = lib.mkIf false { }; }",), "units", {}),
    ],
)  # fmt: skip
def test_definitions_become_one_value(lib: str, modules: tuple[str, ...], attribute: str, value: Any) -> None:
    assert evaluate(lib, *modules, attribute=attribute) == value


@pytest.mark.parametrize("lib", LIBS)
@pytest.mark.parametrize(
    ("modules", "attribute", "words"),
    [
        (("{ onn = true; }",), "on", ["option `onn' does not exist", "In `/m1.nix'"]),
        (("{ lib, ... }: lib.mkIf false { onn = true; }",), "on", ["option `onn' does not exist", "/m1.nix"]),
        (("{ peers = [ { key = \"a\"; sort = 1; } ]; }",), "peers", ["`peers.", "sort' does not exist", "/m1.nix"]),
        (("{ units.a.loudd = 1; }",), "units", ["option `units.a.loudd' does not exist", "/m1.nix"]),
        (('{ on = "yes"; }',), "on", ["option `on' is not of type `boolean'", "In `/m1.nix'", '"yes"']),
        (("{ port = 70000; }",), "port", ["option `port' is not of type `16 bit unsigned integer"]),
        (('{ mode = "c"; }',), "mode", ["option `mode' is not of type `one of \"a\", \"b\"'"]),
        (('{ words = [ "a" 1 ]; }',), "words", ["`words.", "is not of type `string'", "/m1.nix"]),
        (("{ free.other = [ ]; }",), "free", ["option `free.other' is not of type"]),
        (("{ on = true; }", "{ on = false; }"), "on", ["`on' has conflicting definition", "/m1.nix", "/m2.nix"]),
        ((), "needed", ["option `needed'", "no value defined"]),
        (("{ on = true; options = { }; }",), "on", ["unsupported attribute `on'"]),
    ],
)  # fmt: skip
def test_a_fault_names_the_option_and_the_file(
    lib: str, modules: tuple[str, ...], attribute: str, words: list[str]
) -> None:
    with pytest.raises(NixError) as raised:
        evaluate(lib, *modules, attribute=attribute)
    assert [word for word in words if word not in str(raised.value)] == []


@pytest.mark.parametrize("lib", LIBS)
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("optionals false [ 1 ] ++ optional true 2", [2]),
        ('concatMapStringsSep "," toString [ 1 2 ]', "1,2"),
        ("mapAttrs' (n: v: nameValuePair (n + \"x\") (v + 1)) { a = 1; }", {"ax": 2}),
        ("filterAttrs (n: v: v > 1) { a = 1; b = 2; }", {"b": 2}),
        ("unique [ 1 2 1 ]", [1, 2]),
        ('splitString "." "a.b"', ["a", "b"]),
        ("recursiveUpdate { a.b = 1; } { a.c = 2; }", {"a": {"b": 1, "c": 2}}),
        ("escapeShellArgs [ \"a b\" \"c\" ]", "'a b' c"),
        ('removePrefix "a" "ab" + removeSuffix "b" "ab"', "ba"),
        ("imap1 (n: x: n + x) [ 1 1 ]", [2, 3]),
        ('attrByPath [ "a" "b" ] 3 { a = { }; }', 3),
        ('trim " a b\\n"', "a b"),
        ("flatten [ 1 [ 2 [ 3 ] ] ]", [1, 2, 3]),
        ('genAttrs [ "a" ] (n: n + n)', {"a": "aa"}),
    ],
)  # fmt: skip
def test_a_function_of_lib_gives(lib: str, expression: str, value: Any) -> None:
    assert nix("--expr", f"let lib = import {lib}; in with lib; {expression}") == value
