"""Where the estate keeps its secrets: Infisical's coordinates, and how long what it issues is good."""

from pydantic import Field

from estate.models.base import AbsolutePath, Frozen, Name


class SecretStore(Frozen):
    """Infisical's organization, project, environment and folder.

    + project: its slug
    + address: connect to this address; by default to the host that Infisical runs on
    + warn_days, refuse_days: how long before its end a credential is reported, and stops a deploy
    + token_days: the life of the client secrets that are issued
    """

    organization: str
    project: Name
    environment: Name = "prod"
    path: AbsolutePath = "/"
    admin_email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    address: str = ""
    warn_days: int = Field(default=30, ge=1)
    refuse_days: int = Field(default=2, ge=0)
    token_days: int = Field(default=180, ge=1)
