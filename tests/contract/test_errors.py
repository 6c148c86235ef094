"""Errors: each has its status and its body, and our client makes the right one of them."""

import pytest
from infisical_sdk import InfisicalSDKClient
from infisical_sdk.infisical_requests import InfisicalError

from estate.clients.errors import (
    BadAnswerError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    TokenExpiredError,
    UnauthorisedError,
)
from estate.clients.infisical import Scope
from estate.clients.infisical_admin import Admin
from lab.standins.infisical.auth import access_token, new_service_token


@pytest.fixture
def api(infisical):
    with infisical.client() as client:
        client.login(infisical.client_id, infisical.client_secret)
        yield client


@pytest.fixture
def standin(infisical):
    if infisical.standin is None:
        pytest.skip("needs the stand-in: a live server's clock and tokens are not ours")
    return infisical.standin


def test_a_wrong_client_secret_is_refused(infisical):
    with infisical.client() as client, pytest.raises(UnauthorisedError, match="Invalid credentials"):
        client.login("no-such-client", "wrong")
    if not infisical.authority:
        with pytest.raises(InfisicalError):
            InfisicalSDKClient(host=infisical.url).auth.universal_auth.login("no-such-client", "wrong")


def test_three_failures_lock_an_identity_for_five_minutes(infisical, standin, clock):
    try:
        for _ in range(3):
            with infisical.client() as client, pytest.raises(UnauthorisedError, match="Invalid credentials"):
                client.login(infisical.viewer_id, "wrong")
        with infisical.client() as client, pytest.raises(UnauthorisedError, match="temporarily locked"):
            client.login(infisical.viewer_id, infisical.viewer_secret)
        clock.moved += 301
        with infisical.client() as client:
            client.login(infisical.viewer_id, infisical.viewer_secret)
    finally:
        clock.moved = 0


def test_a_garbage_token_is_a_token_error(infisical):
    with infisical.client() as client:
        client.token = "garbage"
        with pytest.raises(TokenExpiredError):
            client.secrets(Scope(infisical.project, infisical.environment))


def test_an_expired_token_is_403_and_says_so(infisical, standin, clock, api):
    try:
        clock.moved = 3700
        with pytest.raises(TokenExpiredError, match="expired"):
            api.secrets(Scope(infisical.project, infisical.environment))
    finally:
        clock.moved = 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"project": "00000000-0000-4000-8000-000000000000"}, ""),
        ({"environment": "nope"}, "nvironment"),
        ({"path": "/nope"}, "older"),
    ],
)
def test_a_wrong_place_is_not_found_or_forbidden(infisical, api, change, words):
    place = {"project": infisical.project, "environment": infisical.environment, "path": "/"} | change
    with pytest.raises((NotFoundError, ForbiddenError), match=words):
        api.secrets(Scope(**place))


def test_a_viewer_reads_and_does_not_write(infisical, folder):
    if not infisical.viewer_id:
        pytest.skip("no viewer: set INFISICAL_VIEWER_ID and INFISICAL_VIEWER_SECRET")
    scope = Scope(infisical.project, infisical.environment, folder)
    with infisical.client() as client:
        client.login(infisical.viewer_id, infisical.viewer_secret)
        assert client.secrets(scope) == {}
        with pytest.raises(ForbiddenError):
            client.upsert(scope, {"A": "1"})


def test_a_name_with_a_slash_is_refused_with_a_list_of_issues(infisical, api, folder):
    with pytest.raises(RejectedError, match=r"(?i)secret"):
        api.upsert(Scope(infisical.project, infisical.environment, folder), {"a:b": "1"})


def test_deleting_what_is_not_there_is_no_fault(infisical, api, folder):
    api.delete(Scope(infisical.project, infisical.environment, folder), ["NOT_THERE"])


def test_an_unknown_path_of_the_api_is_404_and_any_other_a_page(infisical, api):
    with pytest.raises(NotFoundError):
        api.call("GET", "/api/health")
    with pytest.raises(BadAnswerError):
        api.call("GET", "/health")


class TestServiceTokens:
    """Legacy tokens: only the stand-in can make them without a person."""

    def token(self, infisical, standin, **options):
        scopes = [{"environment": infisical.environment, "secretPath": options.pop("path", "/**")}]
        return new_service_token(
            standin, infisical.project, scopes, options.pop("write", False), options.pop("seconds", 0)
        )

    def test_it_reads_with_its_first_three_parts_and_says_what_it_is(self, infisical, standin, folder):
        with infisical.client() as client:
            client.token = self.token(infisical, standin, seconds=600)
            assert client.token.count(".") == 2
            assert client.secrets(Scope(infisical.project, infisical.environment, folder)) == {}
            about = client.service_token()
        assert about.project == infisical.project
        assert about.expires is not None

    def test_an_expired_one_is_403_and_then_gone(self, infisical, standin, clock):
        with infisical.client() as client:
            client.token = self.token(infisical, standin, seconds=600)
            try:
                clock.moved = 700
                with pytest.raises(TokenExpiredError, match="expired"):
                    client.service_token()
                with pytest.raises(NotFoundError):
                    client.service_token()
            finally:
                clock.moved = 0

    def test_one_with_a_single_scope_gets_that_whatever_it_asks_and_we_notice(self, infisical, standin, api, folder):
        api.upsert(Scope(infisical.project, infisical.environment, folder), {"A": "1"})
        with infisical.client() as client:
            client.token = self.token(infisical, standin, path=folder)
            with pytest.raises(BadAnswerError, match="answered with"):
                client.secrets(Scope(infisical.project, infisical.environment, "/"))

    def test_it_does_not_write_without_permission(self, infisical, standin, folder):
        with infisical.client() as client:
            client.token = self.token(infisical, standin)
            with pytest.raises(ForbiddenError):
                client.upsert(Scope(infisical.project, infisical.environment, folder), {"A": "1"})


class TestProvisioning:
    """Setting up: what our provisioning relies on."""

    @pytest.fixture
    def organization(self, standin):
        return standin.store.get("instance", "admin")["organization"]

    @pytest.fixture
    def admin(self, infisical, standin):
        """Somebody who may do everything in the organization."""
        owner = next(row for row in standin.store.every("identity") if row["role"] == "admin")
        with infisical.client() as client:
            client.token = access_token(standin, owner["id"], 600)
            yield Admin(client)

    def test_there_is_one_bootstrap(self, infisical, standin):
        with infisical.client() as client:
            assert Admin(client).bootstrap("x@y.z", "another-long-password", "Second") is None

    def test_looking_first_makes_everything_once(self, infisical, admin, organization):
        assert admin.project("Contract", "contract") == infisical.project
        admin.environment(infisical.project, "qa")
        admin.environment(infisical.project, "qa")
        first = admin.identity(organization, "twice", "no-access")
        assert admin.identity(organization, "twice", "no-access") == first
        assert admin.universal_auth(first, 60) == admin.universal_auth(first, 60)
        admin.membership(infisical.project, first, "viewer")
        admin.membership(infisical.project, first, "viewer")

    def test_identities_are_listed_over_several_pages(self, admin, organization):
        for number in range(105):
            body = {"name": f"many-{number}", "organizationId": organization}
            admin.infisical.call("POST", "/api/v1/identities", body=body)
        names = [row["name"] for row in admin.identities(organization)]
        assert {f"many-{number}" for number in range(105)} <= set(names)
        assert len(names) == len(set(names))

    def test_a_revoked_client_secret_is_refused(self, infisical, admin, organization):
        identity = admin.identity(organization, "revoked", "no-access")
        client_id = admin.universal_auth(identity, 60)
        made = admin.client_secret(identity, "x")
        assert [row["id"] for row in admin.client_secrets(identity)] == [made.id]
        admin.revoke(identity, made.id)
        assert admin.client_secrets(identity) == []
        with infisical.client() as client, pytest.raises(UnauthorisedError):
            client.login(client_id, made.text)
