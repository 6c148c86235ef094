"""Image references, always complete: registry, repository, tag or digest."""

import re
from typing import Self

from pydantic import model_validator

from estate.models.base import Frozen

_REFERENCE = re.compile(
    r"^(?:(?P<registry>[a-z0-9.-]+\.[a-z]{2,}(?::\d+)?|localhost(?::\d+)?)/)?"
    r"(?P<repository>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?$"
)


class Image(Frozen):
    """A pinned image. A moving tag (`latest`) is refused: it cannot be planned or rolled back."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if not self.digest and self.tag in ("", "latest"):
            raise ValueError(f'"{self}" is not pinned; give a version tag or a digest')
        return self

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def image(reference: str) -> Image:
    """Read "[registry/]repository:tag[@digest]"; a name without a registry is Docker Hub's.

    Raises ValueError when the reference is malformed or not pinned.
    """
    match = _REFERENCE.match(reference)
    if match is None:
        raise ValueError(f'"{reference}" is not an image reference; write for example docker.io/library/redis:7.4')
    registry = match["registry"] or "docker.io"
    repository = match["repository"]
    if registry == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    return Image(registry=registry, repository=repository, tag=match["tag"] or "", digest=match["digest"] or "")
