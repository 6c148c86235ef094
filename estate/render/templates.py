"""Jinja2 over templates/: strict about undefined names, the same bytes for the same input."""

import json
import shlex
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from estate.render.compiled import compiled
from estate.render.nix_value import nix
from estate.sso.applications import applications_blueprint
from estate.sso.login import login_blueprint
from estate.sso.place import place_of

ROOT = Path(__file__).resolve().parents[2]
"""The repository: templates/ and files/ lie in it."""

_SYNTAX: dict[str, Any] = {"keep_trailing_newline": True, "trim_blocks": True, "lstrip_blocks": True}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        undefined=StrictUndefined,
        bytecode_cache=compiled(_SYNTAX),
        autoescape=False,  # noqa: S701 - configuration files, not HTML; pages ask for the |e filter
        **_SYNTAX,
    )
    environment.filters["sh"] = shlex.quote
    environment.filters["nix"] = nix
    environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.globals["login_blueprint"] = lambda host: login_blueprint(place_of(host))
    environment.globals["applications_blueprint"] = lambda host: applications_blueprint(place_of(host))
    return environment


def render(template: str, **context: Any) -> str:
    """The text of templates/`template`. Raises jinja2.TemplateError for a fault in it."""
    return _environment().get_template(template).render(**context)


def verbatim(path: str) -> bytes:
    """The bytes of files/`path`."""
    return (ROOT / "files" / path).read_bytes()
