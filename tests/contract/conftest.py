"""A server to hold to its contract: the stand-in in this process, or a live one.

    INFISICAL_URL=https://… INFISICAL_CLIENT_ID=… INFISICAL_CLIENT_SECRET=… INFISICAL_PROJECT_ID=… \
        INFISICAL_ENVIRONMENT=dev pytest tests/contract

The identity needs to write in that environment; everything happens in a folder of its own.
INFISICAL_VIEWER_ID and INFISICAL_VIEWER_SECRET (a read-only identity) and INFISICAL_CA (a file) are optional.
"""

import os
import secrets as random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from server import QUICK, SETTINGS, Switch, serve

from estate.clients.http import Endpoint, Policy
from estate.clients.infisical import Infisical
from estate.clients.infisical_admin import Admin
from lab.standins.infisical.app import create
from lab.standins.infisical.call import Server
from lab.standins.infisical.faults import Faults


@dataclass(frozen=True)
class Live:
    """Where the contract is tried, and as whom."""

    url: str
    project: str
    environment: str
    client_id: str
    client_secret: str = field(repr=False)
    viewer_id: str = ""
    viewer_secret: str = field(default="", repr=False)
    authority: str = ""
    standin: Server | None = None

    def client(self, policy: Policy = QUICK) -> Infisical:
        """Our client, not logged in."""
        return Infisical(Endpoint(self.url, "", self.authority), policy=policy)


class Clock:
    """The stand-in's clock, which a test moves."""

    def __init__(self) -> None:
        self.moved = 0.0

    def __call__(self) -> float:
        return time.time() + self.moved


@pytest.fixture(scope="session")
def clock():
    return Clock()


@pytest.fixture(scope="session")
def fault_file(tmp_path_factory):
    return tmp_path_factory.mktemp("faults") / "fault"


@pytest.fixture(scope="session")
def empty_server(clock, fault_file):
    """The stand-in without an admin: its URL and what it works on."""
    store = Switch()
    faults = Faults({"ESTATE_LAB_FAULT_FILE": str(fault_file)})
    app = create(SETTINGS, store, lambda url: None, now=clock, faults=faults)
    return serve(app), Server(store, SETTINGS, clock)


def _identity(admin, organization, project, name, role):
    identity = admin.identity(organization, name, "no-access")
    client_id = admin.universal_auth(identity, 3600)
    admin.membership(project, identity, role)
    return client_id, admin.client_secret(identity, "contract").text


@pytest.fixture(scope="session")
def infisical(request):
    """The server under contract, with a folder of our own in it."""
    url = os.environ.get("INFISICAL_URL")
    if url:
        ca = os.environ.get("INFISICAL_CA")
        return Live(
            url,
            os.environ["INFISICAL_PROJECT_ID"],
            os.environ.get("INFISICAL_ENVIRONMENT", "dev"),
            os.environ["INFISICAL_CLIENT_ID"],
            os.environ["INFISICAL_CLIENT_SECRET"],
            os.environ.get("INFISICAL_VIEWER_ID", ""),
            os.environ.get("INFISICAL_VIEWER_SECRET", ""),
            Path(ca).read_text() if ca else "",
        )
    url, standin = request.getfixturevalue("empty_server")
    with Infisical(Endpoint(url), policy=QUICK) as api:
        admin = Admin(api)
        made = admin.bootstrap("a@b.c", "a-long-password-1234", "Contract")
        project = admin.project("Contract", "contract")
        writer = _identity(admin, made.organization, project, "writer", "member")
        viewer = _identity(admin, made.organization, project, "viewer", "viewer")
    return Live(url, project, "dev", *writer, *viewer, standin=standin)


@pytest.fixture
def folder(infisical):
    """A folder of this test's own; its secrets are removed afterwards."""
    path = f"/contract-{random.token_hex(6)}"
    with infisical.client() as api:
        api.login(infisical.client_id, infisical.client_secret)
        Admin(api).folder(infisical.project, infisical.environment, path)
    yield path
    from estate.clients.infisical import Scope

    with infisical.client() as api:
        api.login(infisical.client_id, infisical.client_secret)
        scope = Scope(infisical.project, infisical.environment, path)
        api.delete(scope, api.secrets(scope))
