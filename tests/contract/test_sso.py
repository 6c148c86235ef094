"""Single sign-on: what every OpenID client of the estate relies on, tried with a real one (Authlib's)."""

import secrets

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet, RSAKey
from sso_people import PATIENCE, RefusedError
from sso_server import INSIDE, OUTSIDE, SSO, start

from estate.sso.clients import ADMINS, USERS, client, issuer, redirects


@pytest.fixture(scope="module")
def sso(tmp_path_factory):
    server, stop = start(tmp_path_factory.mktemp("sso"))
    yield server
    stop()


@pytest.fixture
def elsewhere(sso):
    """For what needs a client's address or a clock of our own."""
    if sso.standin is None:
        pytest.skip("a live server sees where we really are")
    return sso


class Application:
    """One of the declared clients, as its program would behave."""

    def __init__(self, sso, name="hl-grafana", secret=None):
        self.sso, self.name = sso, name
        self.redirect = redirects(client(name), SSO)[0]
        self.nonce, self.verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
        self.http = OAuth2Client(
            name,
            secret or sso.secret(name),
            scope="openid profile email",
            redirect_uri=self.redirect,
            code_challenge_method="S256",
            transport=sso.front(INSIDE),
            trust_env=False,
            timeout=PATIENCE,
        )
        found = self.http.request(
            "GET", f"{issuer(name, SSO.domain)}.well-known/openid-configuration", withhold_token=True
        )
        self.metadata = found.json()

    def address(self, **changed):
        url, self.state = self.http.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=self.verifier, nonce=self.nonce, **changed
        )
        return url

    def sign_in(self, browser, person):
        return browser.open(self.address(), person, until=self.redirect)

    def tokens(self, callback, verifier=None):
        return self.http.fetch_token(
            self.metadata["token_endpoint"],
            authorization_response=callback,
            state=self.state,
            code_verifier=verifier or self.verifier,
        )

    def claims(self, token, nonce=None):
        keys = self.http.request("GET", self.metadata["jwks_uri"], withhold_token=True).json()
        decoded = jwt.decode(token["id_token"], KeySet.import_key_set(keys), algorithms=["RS256"])
        options = {"iss": {"values": [self.metadata["issuer"]]}, "aud": {"values": [self.name]}}
        params = {"nonce": nonce or self.nonce, "client_id": self.name, "access_token": token["access_token"]}
        claims = CodeIDToken(decoded.claims, decoded.header, options, params)
        claims.validate(now=int(self.sso.clock()))
        return claims


@pytest.fixture(scope="module")
def member(sso):
    return sso.enrolled("webauthn")


class TestDiscovery:
    """Before anybody signs in."""

    def test_the_issuer_is_the_clients_own_and_ends_with_a_slash(self, sso):
        found = Application(sso).metadata
        assert found["issuer"] == issuer("hl-grafana", SSO.domain)
        assert found["code_challenge_methods_supported"] == ["plain", "S256"]

    def test_every_client_that_is_in_use_is_there(self, sso):
        for name in ("proxmox", "hl-grafana"):
            url = f"{issuer(name, SSO.domain)}.well-known/openid-configuration"
            assert sso.browser().get(url).status_code == 200, name

    def test_one_that_is_only_prepared_is_not(self, sso):
        url = f"{issuer('home-assistant', SSO.domain)}.well-known/openid-configuration"
        assert sso.browser().get(url).status_code == 404


class TestSigningIn:
    """The code flow with PKCE."""

    def test_it_gives_a_signed_token_of_whom_and_how(self, sso, member):
        application = Application(sso)
        claims = application.claims(application.tokens(application.sign_in(sso.browser(), member)))
        assert claims["preferred_username"] == member.username
        assert claims["acr"] == "goauthentik.io/providers/oauth2/default"
        assert sorted(claims["amr"]) == ["mfa", "pwd"]

    def test_groups_are_an_array_and_the_address_is_not_called_verified(self, sso, member):
        application = Application(sso)
        token = application.tokens(application.sign_in(sso.browser(), member))
        found = application.http.get(application.metadata["userinfo_endpoint"]).json()
        assert found["groups"] == [USERS]
        assert found["email_verified"] is False
        assert found["sub"] == application.claims(token)["sub"]

    def test_no_refresh_token_without_offline_access(self, sso, member):
        application = Application(sso)
        assert "refresh_token" not in application.tokens(application.sign_in(sso.browser(), member))

    def test_a_second_application_asks_for_nothing_more(self, sso, member):
        browser = sso.browser()
        Application(sso).sign_in(browser, member)
        before = list(browser.asked)
        assert Application(sso).sign_in(browser, member).startswith("https://grafana-home.")
        assert browser.asked == before

    def test_another_nonce_is_noticed(self, sso, member):
        application = Application(sso)
        token = application.tokens(application.sign_in(sso.browser(), member))
        with pytest.raises(Exception, match="nonce"):
            application.claims(token, nonce="another")

    def test_another_key_is_noticed(self, sso, member):
        application = Application(sso)
        token = application.tokens(application.sign_in(sso.browser(), member))
        with pytest.raises(BadSignatureError):
            jwt.decode(token["id_token"], RSAKey.generate_key(2048), algorithms=["RS256"])


class TestRefusals:
    """What a thief of one half of it could try."""

    def test_a_redirect_uri_that_is_not_declared(self, sso, member):
        with pytest.raises(RefusedError, match=r"(?i)redirect"):
            sso.browser().open(Application(sso).address(redirect_uri="https://evil.example/"), member)

    def test_a_longer_redirect_uri(self, sso, member):
        application = Application(sso)
        with pytest.raises(RefusedError, match=r"(?i)redirect"):
            sso.browser().open(application.address(redirect_uri=f"{application.redirect}/x"), member)

    def test_a_wrong_client_secret(self, sso, member):
        application = Application(sso, secret="certainly-wrong")
        callback = application.sign_in(sso.browser(), member)
        with pytest.raises(OAuthError, match="invalid_client"):
            application.tokens(callback)

    def test_a_code_without_the_verifier_that_asked_for_it(self, sso, member):
        application = Application(sso)
        callback = application.sign_in(sso.browser(), member)
        with pytest.raises(OAuthError, match="invalid_grant"):
            application.tokens(callback, verifier=secrets.token_urlsafe(48))

    def test_a_code_a_second_time(self, sso, member):
        application = Application(sso)
        callback = application.sign_in(sso.browser(), member)
        application.tokens(callback)
        with pytest.raises(OAuthError, match="invalid_grant"):
            application.tokens(callback)

    def test_a_code_of_another_client(self, elsewhere, member):
        application, other = Application(elsewhere), Application(elsewhere, "proxmox")
        callback = application.sign_in(elsewhere.browser(), member)
        other.state, other.http.redirect_uri = application.state, application.redirect
        with pytest.raises(OAuthError, match="invalid_grant"):
            other.tokens(callback, verifier=application.verifier)

    def test_the_implicit_flow(self, sso, member):
        address = Application(sso).address().replace("response_type=code", "response_type=token")
        found = sso.browser().get(address)
        assert found.status_code == 302
        assert "error=unauthorized_client" in found.headers["location"]

    def test_a_wrong_password(self, sso):
        person = sso.person()
        person.password = "certainly-wrong"
        with pytest.raises(RefusedError, match="Invalid password"):
            sso.browser().open(f"{sso.base}/if/flow/estate-authentication/", person)

    def test_after_a_login_people_are_sent_to_our_own_pages_only(self, sso, member):
        page = f"{sso.base}/if/flow/estate-authentication/?next=https%3A%2F%2Fevil.example%2F"
        assert not sso.browser().sign_in(page, member).startswith("https://evil")

    def test_somebody_who_is_in_none_of_its_groups(self, elsewhere, member):
        with pytest.raises(RefusedError, match="not open to you"):
            Application(elsewhere, "proxmox").sign_in(elsewhere.browser(), member)


class TestPolicies:
    """External requires WebAuthn, internal accepts TOTP, admin always WebAuthn."""

    def test_inside_totp_is_enough(self, elsewhere):
        person = elsewhere.enrolled("totp")
        application = Application(elsewhere)
        assert application.tokens(application.sign_in(elsewhere.browser(INSIDE), person))["id_token"]

    def test_outside_a_login_with_totp_only_is_refused(self, elsewhere):
        person = elsewhere.enrolled("totp")
        with pytest.raises(RefusedError, match="No device"):
            Application(elsewhere).sign_in(elsewhere.browser(OUTSIDE), person)

    def test_outside_webauthn_is_let_in(self, elsewhere, member):
        application = Application(elsewhere)
        assert application.tokens(application.sign_in(elsewhere.browser(OUTSIDE), member))["id_token"]

    def test_outside_nobody_enrols_a_device_with_a_password_alone(self, elsewhere):
        with pytest.raises(RefusedError, match="No device"):
            Application(elsewhere).sign_in(elsewhere.browser(OUTSIDE), elsewhere.person("webauthn"))

    def test_a_session_from_inside_with_totp_does_not_open_an_application_outside(self, elsewhere):
        person, browser = elsewhere.enrolled("totp"), elsewhere.browser(INSIDE)
        Application(elsewhere).sign_in(browser, person)
        moved = elsewhere.browser(OUTSIDE)
        moved.http.cookies = browser.http.cookies
        with pytest.raises(RefusedError, match="No device"):
            Application(elsewhere).sign_in(moved, person)

    def test_what_comes_through_the_tunnel_without_a_clients_address_is_outside(self, elsewhere):
        person = elsewhere.enrolled("totp")
        with pytest.raises(RefusedError, match="No device"):
            Application(elsewhere).sign_in(elsewhere.browser("10.20.0.50"), person)

    def test_an_admin_needs_webauthn_inside_too(self, elsewhere):
        person = elsewhere.person("totp", (ADMINS,))
        browser = elsewhere.browser(INSIDE)
        Application(elsewhere, "proxmox").sign_in(browser, person)
        # No choice was offered: a security key was enrolled, and the app never
        assert "ak-stage-authenticator-webauthn" in browser.asked
        assert person.secret == ""

    def test_an_admin_application_asks_again_at_every_sign_in(self, elsewhere):
        admin, browser = elsewhere.admin(), elsewhere.browser(INSIDE)
        Application(elsewhere, "proxmox").sign_in(browser, admin)
        before = len(browser.asked)
        Application(elsewhere, "proxmox").sign_in(browser, admin)
        assert browser.asked[before:] == ["ak-stage-authenticator-validate", "xak-flow-redirect"]

    def test_a_totp_code_is_good_once(self, elsewhere):
        person = elsewhere.enrolled("totp")
        page = f"{elsewhere.base}/if/flow/estate-authentication/"
        elsewhere.browser().open(page, person)
        with pytest.raises(RefusedError, match="Invalid Token"):
            elsewhere.browser().open(page, person)

    def test_a_key_signs_for_its_own_site_only(self, elsewhere):
        person = elsewhere.enrolled("webauthn")
        person.key.origin = "https://auth.prodg.studio.evil.example"
        with pytest.raises(RefusedError, match="Assertion failed"):
            elsewhere.browser().open(f"{elsewhere.base}/if/flow/estate-authentication/", person)

    def test_a_session_ends(self, elsewhere, member):
        browser = elsewhere.browser()
        Application(elsewhere).sign_in(browser, member)
        elsewhere.clock.moved += 9 * 3600
        Application(elsewhere).sign_in(browser, member)
        assert browser.asked.count("ak-stage-password") == 2


class TestGuardedSites:
    """A site without OpenID Connect, behind the embedded outpost."""

    SITE = "https://n8n.prodg.studio"

    def test_whoever_is_not_signed_in_is_sent_to_the_login(self, elsewhere):
        found = elsewhere.browser(OUTSIDE).get(f"{self.SITE}/")
        assert found.status_code == 302
        assert found.headers["location"].startswith("https://auth.prodg.studio/application/o/authorize/?")

    def test_after_the_login_the_site_answers_and_knows_who_it_is(self, elsewhere, member):
        found = elsewhere.browser(OUTSIDE).open(f"{self.SITE}/workflows", member)
        assert found.text == f"/workflows {member.username} {OUTSIDE}"

    def test_its_policy_holds(self, elsewhere):
        with pytest.raises(RefusedError, match="No device"):
            elsewhere.browser(OUTSIDE).open(f"{self.SITE}/", elsewhere.enrolled("totp"))

    def test_machines_reach_the_paths_that_are_open_and_no_other(self, elsewhere):
        browser = elsewhere.browser(OUTSIDE)
        assert browser.get(f"{self.SITE}/webhook/abc").text.startswith("/webhook/abc nobody")
        assert browser.get(f"{self.SITE}/webhooks").status_code == 302

    def test_nobody_names_himself(self, elsewhere):
        browser = elsewhere.browser(OUTSIDE)
        browser.http.headers["X-authentik-username"] = "admin"
        assert " nobody " in browser.get(f"{self.SITE}/webhook/abc").text

    def test_a_callback_with_another_state_is_refused(self, elsewhere, member):
        browser = elsewhere.browser(OUTSIDE)
        address = browser.get(f"{self.SITE}/").headers["location"]
        callback = browser.open(address, member, until=self.SITE)
        assert browser.get(callback.replace("state=", "state=x")).status_code == 400


class TestAudit:
    """The log of what happened."""

    def test_logins_and_what_they_were_for_are_in_it(self, sso, member):
        Application(sso).sign_in(sso.browser(), member)
        for action in ("login", "authorize_application"):
            newest = sso.api("GET", "/events/events/", params={"action": action, "ordering": "-created"})["results"]
            assert member.username in [event["user"]["username"] for event in newest], action

    def test_a_failed_login_has_the_address_it_came_from(self, elsewhere, capfd):
        person = elsewhere.person()
        person.password = "certainly-wrong"
        with pytest.raises(RefusedError):
            elsewhere.browser(OUTSIDE).open(f"{elsewhere.base}/if/flow/estate-authentication/", person)
        (event,) = elsewhere.api("GET", "/events/events/?action=login_failed&page_size=1")["results"]
        assert (event["client_ip"], event["context"]["username"]) == (OUTSIDE, person.username)
        assert "certainly-wrong" not in str(event)
        assert '"action": "login_failed"' in capfd.readouterr().out

    def test_the_api_wants_its_token(self, sso):
        assert sso.browser().get(f"{sso.base}/api/v3/events/events/").status_code == 403
