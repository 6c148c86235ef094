"""`.env` files as Docker Compose reads them (facts/apis.md, 11: quoting)."""

from collections.abc import Mapping

from estate.models.faults import EstateFaults, Fault


def quote(value: str) -> str:
    """One value, quoted so that Compose reads back the same text.

    Single quotes are literal; a value with a quote or backslash of its own is double-quoted with
    escapes. Raises ValueError for a line break or NUL: an `.env` line cannot hold it.
    """
    if any(char in value for char in "\n\r\0"):
        raise ValueError("a value in .env cannot contain a line break")
    if "'" not in value and "\\" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def dotenv(values: Mapping[str, str], path: str = ".env") -> str:
    """The file's text, names sorted. Raises EstateFaults that name every value which cannot be written."""
    lines, faults = [], []
    for name in sorted(values):
        try:
            lines.append(f"{name}={quote(values[name])}\n")
        except ValueError as error:
            faults.append(Fault(f"{path}/{name}", str(error), "store it on one line, base64-encoded if need be"))
    if faults:
        raise EstateFaults(faults)
    return "# Written by the deploy; a change made here is overwritten by the next one.\n" + "".join(lines)
