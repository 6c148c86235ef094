"""What the lab's registry holds, read over the registry protocol (plain HTTP, or TLS unchecked)."""

from __future__ import annotations

import httpx

from lab.errors import LabError
from lab.images.engine import HASH_LABEL

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def repository(ref: str) -> tuple[str, str]:
    """Split a production reference into its path in the lab's registry and its tag.

    The registry's own name is dropped, as a pull-through mirror does:
    docker.io/library/caddy:2 and ghcr.io/google/cadvisor:v1 become library/caddy and google/cadvisor.
    """
    name, _, tag = ref.rpartition(":")
    return name.partition("/")[2], tag


class Registry:
    """A registry at host:port."""

    def __init__(self, address: str, client: httpx.Client | None = None) -> None:
        self.address = address
        self._client = client or httpx.Client(verify=False, timeout=10)  # noqa: S501
        self._base: str | None = None

    def base(self) -> str:
        """Find out whether the registry speaks plain HTTP or TLS."""
        if self._base is None:
            for scheme in ("http", "https"):
                try:
                    answer = self._client.get(f"{scheme}://{self.address}/v2/")
                except httpx.TransportError:
                    continue
                if answer.status_code in (200, 401):
                    self._base = f"{scheme}://{self.address}"
                    break
            else:
                raise LabError(f"the registry at {self.address} does not answer", "run `estate lab up`")
        return self._base

    def hash_of(self, ref: str) -> str | None:
        """Return the content hash an image was pushed with, or None when it is absent or not ours."""
        path, tag = repository(ref)
        manifest = self._client.get(f"{self.base()}/v2/{path}/manifests/{tag}", headers={"Accept": MANIFEST})
        if manifest.status_code != 200:
            return None
        digest = manifest.json().get("config", {}).get("digest")
        blob = self._client.get(f"{self.base()}/v2/{path}/blobs/{digest}", follow_redirects=True)
        if blob.status_code != 200:
            return None
        labels = blob.json().get("config", {}).get("Labels") or {}
        found = labels.get(HASH_LABEL)
        return str(found) if found else None
