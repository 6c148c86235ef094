"""The frozen base of every model, and the small value types that they share."""

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$", re.IGNORECASE)
_FACTOR = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


class Frozen(BaseModel):
    """A value: immutable, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)


def parse_size(value: object) -> object:
    """Bytes from an integer or from text such as "512m" or "4 GiB" (powers of 1024)."""
    if isinstance(value, str):
        match = _SIZE.match(value.strip())
        if match is None:
            raise ValueError(f'"{value}" is not a size; write for example 512m or 4g')
        return int(float(match[1]) * _FACTOR[match[2].lower()])
    return value


def _check_cidr(value: str) -> str:
    try:
        return str(IPv4Network(value))
    except ValueError as error:
        raise ValueError(f"{error}; write for example 172.28.0.0/24") from None


def _check_absolute(value: str) -> str:
    if not value.startswith("/") or ".." in value.split("/") or re.search(r"[\s'\"\\]", value):
        raise ValueError(f'"{value}" is not an absolute path without "..", spaces and quotes')
    return value.rstrip("/") or "/"


def format_size(value: int) -> str:
    """The shortest exact text of a number of bytes, as Compose reads it: 536870912 is "512m"."""
    for unit, factor in (("g", 1024**3), ("m", 1024**2), ("k", 1024)):
        if value % factor == 0:
            return f"{value // factor}{unit}"
    return f"{value}b"


Size = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
"""A number of bytes; also reads "512m"."""
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Cidr = Annotated[str, AfterValidator(_check_cidr)]
AbsolutePath = Annotated[str, AfterValidator(_check_absolute)]
SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


def _check_address(value: str) -> str:
    try:
        return str(IPv4Address(value))
    except ValueError as error:
        raise ValueError(f"{error}; write for example 10.20.0.10") from None


HostName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$", max_length=253),
]
Address = Annotated[str, AfterValidator(_check_address)]
"""An IPv4 address."""
UserId = Annotated[str, Field(pattern=r"^\d+:\d+$")]
"""A numeric "UID:GID"."""
