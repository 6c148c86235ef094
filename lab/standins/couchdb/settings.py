"""The ini files, in CouchDB's order: default.d, then local.d, each by name; a later one counts."""

from __future__ import annotations

from configparser import ConfigParser
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What the stand-in honours."""

    admins: dict[str, str] = field(repr=False)
    port: int = 5984
    valid_user_but_up: bool = False
    max_document: int = 8_000_000
    cors: bool = False
    origins: tuple[str, ...] = ()
    credentials: bool = False
    methods: str = "GET, PUT, POST, HEAD, DELETE"
    headers: str = ""
    single_node: bool = False


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def read(folder: Path) -> Settings:
    """The settings below an etc directory. Raises ValueError without an administrator, as CouchDB 3 ends then."""
    parser = ConfigParser(interpolation=None, comment_prefixes=(";", "#"), delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    for part in ("default.d", "local.d"):
        parser.read(sorted((folder / part).glob("*.ini")))
    if not parser.has_section("admins") or not parser.options("admins"):
        raise ValueError("no administrator: there is no [admins] in any file")
    get = parser.get
    return Settings(
        admins=dict(parser.items("admins")),
        port=int(get("chttpd", "port", fallback="5984")),
        valid_user_but_up=get("chttpd", "require_valid_user_except_for_up", fallback="false") == "true",
        max_document=int(get("couchdb", "max_document_size", fallback="8000000")),
        cors=get("chttpd", "enable_cors", fallback="false") == "true",
        origins=_words(get("cors", "origins", fallback="")),
        credentials=get("cors", "credentials", fallback="false") == "true",
        methods=get("cors", "methods", fallback=Settings.methods),
        headers=get("cors", "headers", fallback=""),
        single_node=get("couchdb", "single_node", fallback="false") == "true",
    )
