"""Evaluating Nix expressions with the lab's stand-in for nixpkgs, without a store."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

STAND_IN = Path(__file__).resolve().parents[1] / "lab" / "nixpkgs"
NIXPKGS_LIB = os.environ.get("NIXPKGS_LIB", "")

needs_nix = pytest.mark.skipif(
    not shutil.which("nix-instantiate"), reason="nix-instantiate is not installed (Debian: nix-bin)"
)
needs_nixpkgs_lib = pytest.mark.skipif(
    not NIXPKGS_LIB, reason="NIXPKGS_LIB does not name the lib directory of a real nixpkgs"
)


class NixError(Exception):
    """What the evaluator says is wrong."""


def nix(*arguments: str) -> Any:
    """The value of an expression (or of a file and `-A`), as JSON; raises NixError with the evaluator's words."""
    argv = ["nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NixError(done.stderr)
    return json.loads(done.stdout)


def summary(configuration: Path, attribute: str = "summary", lib: str = "") -> Any:
    """What <nixpkgs/nixos> says of a configuration; `lib`: with the real nixpkgs' lib in the place of ours."""
    own = ("--arg", "lib", f"import {lib}") if lib else ()
    return nix(f"{STAND_IN}/nixos", "-A", attribute, "-I", f"nixos-config={configuration}", *own)
