"""The homelab's PostgreSQL: a server of its own, and the databases that services elsewhere declare."""

from typing import Annotated

from pydantic import Field

from estate.models.base import Address, Frozen, Name, SecretName
from estate.models.secret import SecretSpec

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""A name that SQL needs no quotes for."""


class Database(Frozen):
    """A database that a service wants on the shared server; the role that owns it has the same name.

    + password: the secret with the role's password, which the service declares
    + server: the inventory's name of the host that has it
    """

    name: Identifier
    password: SecretName
    server: Name = "postgres"


class ServedDatabase(Frozen):
    """A database with those who may log in to it; made from the services' declarations, never written by hand.

    + clients: by their name in the inventory, the addresses that the role may come from
    """

    name: Identifier
    password: SecretSpec
    clients: dict[Name, Address]


class PostgresSettings(Frozen):
    """The server: its major version (which is also that of Debian's package) and what it is tuned for.

    + max_connections: Authentik alone keeps tasks, cache and channels in it (facts/homelab-vps.md, 2.1)
    + databases: filled in when the inventory is loaded
    """

    version: int = Field(default=15, ge=13, le=99)
    max_connections: int = Field(default=200, ge=20, le=1000)
    databases: tuple[ServedDatabase, ...] = ()
