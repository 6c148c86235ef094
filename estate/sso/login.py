"""The blueprint of the login: groups, policies, WebAuthn and TOTP stages, and the flows that the policies steer.

Where a login comes from and who it is decides which second factor it must show. `not_configured_action` of `skip`
(Authentik's default) would let everybody without a device through; here a device is enrolled from inside only:
whoever has no more than a password cannot enrol one of their own from the internet.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from estate.models.sso import Policy, SsoSettings
from estate.sso.clients import ADMINS, GROUPS, POLICIES
from estate.sso.entries import Entry, KeyOf, after, entry, text

NAME = "Estate - Login"
LOGIN_FLOW = "estate-authentication"
RECENT = "hours=8"
"""How long a second factor stands for applications whose policy is not `fresh`; also a session's length."""

_FLOW = "authentik_flows.flow"
_BINDING = "authentik_flows.flowstagebinding"
_VALIDATE = "authentik_stages_authenticator_validate.authenticatorvalidatestage"
_CLASSES = {"webauthn": ["webauthn"], "totp": ["webauthn", "totp"]}
"""The devices that satisfy a factor: who may show TOTP may show WebAuthn."""


def authorization_flow(policy: str) -> str:
    """The slug of the flow that a sign-in to an application of this policy goes through."""
    return f"estate-authorize-{policy}"


def _outside(settings: SsoSettings) -> str:
    """Python as an expression policy runs it: true for a login from outside."""
    inside = ", ".join(f'"{network}"' for network in settings.internal_networks)
    tunnel = ", ".join(f'"{network}"' for network in settings.tunnel_addresses)
    lines = [f"inside = any(ak_client_ip in ip_network(network) for network in [{inside}])"]
    if tunnel:
        lines += [
            "# What comes through the tunnel and says nothing of its client is no guest of this network",
            f"inside = inside and not any(ak_client_ip in ip_network(address) for address in [{tunnel}])",
        ]
    return "\n".join([*lines, ""])


_ADMIN = f"""\
user = request.context.get("pending_user") or request.user
return user.is_superuser or ak_is_group_member(user, name="{ADMINS}")
"""


def _policies(settings: SsoSettings) -> Iterator[Entry]:
    outside = _outside(settings)
    expressions = {
        "external": f"{outside}return not inside\n",
        "internal": f"{outside}return inside\n",
        "admin": _ADMIN,
    }
    for name, expression in expressions.items():
        key = f"estate-{name}"
        model = "authentik_policies_expression.expressionpolicy"
        yield entry(model, {"name": key}, {"expression": expression, "execution_logging": True}, key)


def _flow(slug: str, title: str, designation: str, authentication: str) -> Entry:
    attrs = {"name": title, "title": title, "designation": designation, "authentication": authentication}
    return entry(_FLOW, {"slug": slug}, attrs, slug)


def _setup(kind: str, title: str, attrs: dict[str, Any]) -> Iterator[Entry]:
    """An enrolment: its stage, and the flow by which people enrol a further device."""
    key = f"estate-{kind}-setup"
    model = f"authentik_stages_authenticator_{kind}.authenticator{kind}stage"
    yield _flow(key, title, "stage_configuration", "require_authenticated")
    yield entry(model, {"name": key}, {"configure_flow": KeyOf(key), "friendly_name": title, **attrs}, f"{key}-stage")
    yield entry(_BINDING, {"target": KeyOf(key), "stage": KeyOf(f"{key}-stage"), "order": 10})


def _validate(key: str, factor: str, enrol: Sequence[str] = (), threshold: str = "seconds=0") -> Entry:
    """A stage that asks for the factor; without a device it lets enrol one of these, or denies."""
    attrs: dict[str, Any] = {
        "device_classes": _CLASSES[factor],
        "not_configured_action": "configure" if enrol else "deny",
        "last_auth_threshold": threshold,
        "webauthn_user_verification": "required",
    }
    if enrol:
        attrs["configuration_stages"] = [KeyOf(f"estate-{kind}-setup-stage") for kind in enrol]
    return entry(_VALIDATE, {"name": key}, attrs, key)


def _stages() -> Iterator[Entry]:
    yield from _setup(
        "webauthn",
        "Enrol a device (Face ID, Windows Hello, security key)",
        {"user_verification": "required", "resident_key_requirement": "preferred"},
    )
    yield from _setup("totp", "Enrol an authenticator app", {"digits": "6"})
    yield _validate("estate-webauthn", "webauthn")
    yield _validate("estate-webauthn-enrol", "webauthn", ("webauthn",))
    yield _validate("estate-any-enrol", "totp", ("webauthn", "totp"))
    yield _validate("estate-webauthn-recent", "webauthn", threshold=RECENT)
    yield _validate("estate-any-recent", "totp", threshold=RECENT)
    denied = {"deny_message": "This can be used from the home network only."}
    yield entry("authentik_stages_deny.denystage", {"name": "estate-deny"}, denied, "estate-deny")
    identification = {
        "user_fields": ["username", "email"],
        "case_insensitive_matching": True,
        "show_matched_user": False,
    }
    name = "estate-identification"
    yield entry("authentik_stages_identification.identificationstage", {"name": name}, identification, name)
    password = {"backends": ["authentik.core.auth.InbuiltBackend"], "failed_attempts_before_cancel": 5}
    yield entry("authentik_stages_password.passwordstage", {"name": "estate-password"}, password, "estate-password")
    login = {"session_duration": RECENT, "terminate_other_sessions": False}
    yield entry("authentik_stages_user_login.userloginstage", {"name": "estate-login"}, login, "estate-login")


def _bound(
    flow: str, stage: str, order: int, policies: Sequence[str] = (), mode: str = "all", negated: str = ""
) -> Iterator[Entry]:
    """A stage of a flow, asked for when its policies say so: looked at when the stage's turn comes, not before."""
    key = f"{flow}-{order}"
    attrs = {"evaluate_on_plan": False, "re_evaluate_policies": True, "policy_engine_mode": mode}
    yield entry(_BINDING, {"target": KeyOf(flow), "stage": KeyOf(stage), "order": order}, attrs, key)
    for number, policy in enumerate(policies):
        identifiers = {"target": KeyOf(key), "policy": KeyOf(f"estate-{policy}"), "order": number}
        # An expression that fails asks for the stage: an error must not let anybody past it
        yield entry(
            "authentik_policies.policybinding",
            identifiers,
            {"negate": policy == negated, "enabled": True, "failure_result": True, "timeout": 30},
        )


def _authentication() -> Iterator[Entry]:
    flow = LOGIN_FLOW
    yield _flow(flow, "Sign in", "authentication", "none")
    yield from _bound(flow, "estate-identification", 10)
    yield from _bound(flow, "estate-password", 20)
    yield from _bound(flow, "estate-webauthn", 30, ("external",))
    yield from _bound(flow, "estate-webauthn-enrol", 40, ("internal", "admin"))
    yield from _bound(flow, "estate-any-enrol", 50, ("internal", "admin"), negated="admin")
    yield from _bound(flow, "estate-login", 100)


def _authorization(policy: Policy) -> Iterator[Entry]:
    flow = authorization_flow(policy.name)
    suffix = "" if policy.fresh else "-recent"
    yield _flow(flow, f"Open an application ({policy.name})", "authorization", "require_authenticated")
    kinds = {"webauthn": f"estate-webauthn{suffix}", "totp": f"estate-any{suffix}", "deny": "estate-deny"}
    if policy.outside == policy.inside:
        yield from _bound(flow, kinds[policy.outside], 10)
        return
    yield from _bound(flow, kinds[policy.outside], 10, ("external",))
    yield from _bound(flow, kinds[policy.inside], 20, ("internal",))


def login_blueprint(settings: SsoSettings) -> str:
    """Groups, policies, stages and flows, and the brand that makes them Authentik's login."""
    entries = [
        after("Default - Brand"),
        *(entry("authentik_core.group", {"name": name}, {"is_superuser": False}, name) for name in GROUPS),
        *_policies(settings),
        *_stages(),
        *_authentication(),
        *(each for policy in POLICIES.values() for each in _authorization(policy)),
        entry("authentik_brands.brand", {"domain": "authentik-default"}, {"flow_authentication": KeyOf(LOGIN_FLOW)}),
    ]
    return text(NAME, "Groups, policies and login flows of the estate", entries)
