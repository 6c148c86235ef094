"""Setting Infisical up: cut off after any of its API calls, a second run finishes it."""

import contextlib

import pytest
from server import QUICK

from estate.clients.errors import ServerFaultError
from estate.clients.http import Endpoint
from estate.clients.infisical import Infisical
from estate.clients.infisical_admin import Admin
from estate.inventory import load
from estate.models.faults import EstateFaults
from estate.render.templates import ROOT
from estate.secret_store.backend import backend_of
from estate.secret_store.provision import provision
from estate.secrets.generate import generate
from estate.secrets.sealed import Sealed
from lab.standins.infisical.store import MemoryStore


class File:
    """A sealed file in memory: what a crash would leave."""

    def __init__(self):
        self.saved = []

    def save(self, sealed):
        self.saved.append(sealed.model_copy(deep=True))


class Cut(Infisical):
    """A session that is cut off at its Nth call."""

    def __init__(self, url, calls):
        super().__init__(Endpoint(url), policy=QUICK)
        self.left = calls

    def call(self, method, path, **options):
        if self.left == 0:
            raise ServerFaultError(path, "cut off")
        self.left -= 1
        return super().call(method, path, **options)


@pytest.fixture
def server(empty_server):
    """The stand-in with nothing in it."""
    url, standin = empty_server
    before, standin.store.current = standin.store.current, MemoryStore()
    yield url, standin.store
    standin.store.current = before


@pytest.fixture
def backend():
    found = backend_of(load((ROOT / "inventories" / "prod.py").resolve()))
    object.__setattr__(found, "file", File())
    return found


def sealed_secrets(backend):
    sealed = Sealed(estate="test")
    for spec in backend.specs.values():
        sealed.put(generate(spec) if spec.generated else {spec.name: f"issued-{spec.name.lower()}"})
    return sealed


def summary(store):
    return {
        "projects": len(store.every("project")),
        "identities": sorted(row["name"] for row in store.every("identity")),
        "usable": len([row for row in store.every("client-secret") if not row["revoked"]]),
        "secrets": len(store.every("secret")),
    }


def test_it_makes_everything_and_reads_it_back(server, backend):
    url, store = server
    sealed = sealed_secrets(backend)
    with Infisical(Endpoint(url), policy=QUICK) as api:
        provision(backend, sealed, api)
    assert summary(store) == {
        "projects": 1,
        "identities": ["Instance Admin Identity", "estate-deploy", "estate-host", "estate-operator"],
        "usable": 3,
        "secrets": len(sealed.secrets),
    }
    access = backend.file.saved[-1].access
    assert access.complete
    assert access.bootstrap_token is None
    for who in ("deploy", "host"):
        with Infisical(Endpoint(url), policy=QUICK) as api:
            identity = getattr(access, who)
            api.login(identity.client_id, identity.secret.secret.get_secret_value())
            assert api.secrets(backend.scope(access.project)) == sealed.values()


@pytest.mark.parametrize("calls", range(1, 27, 2))
def test_cut_off_after_any_call_a_second_run_finishes_it(server, backend, calls):
    url, store = server
    sealed = sealed_secrets(backend)
    with Cut(url, calls) as api, contextlib.suppress(EstateFaults):
        provision(backend, sealed, api)
    # What a second run knows is what was sealed
    again = backend.file.saved[-1].model_copy(deep=True)
    with Infisical(Endpoint(url), policy=QUICK) as api:
        provision(backend, again, api)
    found = summary(store)
    assert found["projects"] == 1
    assert found["identities"] == ["Instance Admin Identity", "estate-deploy", "estate-host", "estate-operator"]
    assert found["usable"] == 3
    assert found["secrets"] == len(sealed.secrets)


def test_an_admin_whose_token_was_lost_on_the_way_signs_in_with_the_sealed_password(server, backend):
    url, store = server
    sealed = sealed_secrets(backend)
    with Cut(url, 0) as api, pytest.raises(EstateFaults):
        provision(backend, sealed, api)
    access = backend.file.saved[-1].access
    with Infisical(Endpoint(url), policy=QUICK) as api:
        Admin(api).bootstrap(access.admin_email, access.admin_password.get_secret_value(), "ProDG Studio")
    again = backend.file.saved[-1].model_copy(deep=True)
    with Infisical(Endpoint(url), policy=QUICK) as api:
        provision(backend, again, api)
    assert again.access.complete
    assert summary(store)["secrets"] == len(sealed.secrets)


def test_an_instance_that_somebody_else_set_up_is_not_touched(server, backend):
    url, store = server
    with Infisical(Endpoint(url), policy=QUICK) as api:
        body = {"email": "x@y.z", "password": "another-long-password", "organization": "Other"}
        api.call("POST", "/api/v1/admin/bootstrap", body=body)
    with Infisical(Endpoint(url), policy=QUICK) as api, pytest.raises(EstateFaults, match="has an admin already"):
        provision(backend, sealed_secrets(backend), api)
    assert summary(store)["projects"] == 0
