"""The objects that a blueprint can make here: their identifying fields, their other fields, and those required.

A field that is not listed is an error, so that a misspelt one does not pass (Authentik itself ignores it). Source:
the API's schema (facts/homelab-vps.md, 2.2).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """One model. `defaults` are Authentik's own where they matter."""

    identifiers: frozenset[str]
    attrs: frozenset[str]
    required: frozenset[str]
    defaults: tuple[tuple[str, object], ...] = ()


def _model(identifiers: str, attrs: str = "", required: str = "", **defaults: object) -> Model:
    words = frozenset(required.split())
    known = frozenset(attrs.split()) | words | set(defaults)
    return Model(frozenset(identifiers.split()), known, words, tuple(defaults.items()))


_PROVIDER = "authorization_flow invalidation_flow"
MODELS: dict[str, Model] = {
    "authentik_core.group": _model("name", "is_superuser"),
    "authentik_policies_expression.expressionpolicy": _model("name", "execution_logging", "expression"),
    "authentik_flows.flow": _model("slug", "policy_engine_mode", "name title designation", authentication="none"),
    "authentik_flows.flowstagebinding": _model(
        "target stage order", "evaluate_on_plan re_evaluate_policies policy_engine_mode", policy_engine_mode="any"
    ),
    "authentik_policies.policybinding": _model(
        "target policy group order", "negate enabled failure_result timeout", negate=False, enabled=True
    ),
    "authentik_stages_identification.identificationstage": _model(
        "name", "user_fields case_insensitive_matching show_matched_user", user_fields=()
    ),
    "authentik_stages_password.passwordstage": _model(
        "name", "failed_attempts_before_cancel", "backends", failed_attempts_before_cancel=5
    ),
    "authentik_stages_authenticator_validate.authenticatorvalidatestage": _model(
        "name",
        "device_classes not_configured_action configuration_stages last_auth_threshold webauthn_user_verification",
        # Authentik's default: who has no device is let through
        not_configured_action="skip",
        last_auth_threshold="seconds=0",
        configuration_stages=(),
        webauthn_user_verification="preferred",
        device_classes=("static", "totp", "webauthn", "duo", "sms", "email"),
    ),
    "authentik_stages_authenticator_webauthn.authenticatorwebauthnstage": _model(
        "name",
        "configure_flow friendly_name user_verification resident_key_requirement authenticator_attachment",
        user_verification="preferred",
        resident_key_requirement="preferred",
    ),
    "authentik_stages_authenticator_totp.authenticatortotpstage": _model(
        "name", "configure_flow friendly_name", "digits"
    ),
    "authentik_stages_deny.denystage": _model("name", "deny_message", deny_message=""),
    "authentik_stages_user_login.userloginstage": _model(
        "name", "session_duration terminate_other_sessions", session_duration="seconds=0"
    ),
    "authentik_brands.brand": _model("domain", "flow_authentication"),
    "authentik_providers_oauth2.oauth2provider": _model(
        "name",
        "grant_types signing_key issuer_mode sub_mode include_claims_in_id_token access_code_validity "
        "access_token_validity refresh_token_validity property_mappings",
        f"{_PROVIDER} client_type client_id client_secret redirect_uris",
        # Since 2026.5: a provider that does not say what it grants grants nothing
        grant_types=(),
        include_claims_in_id_token=True,
        access_code_validity="minutes=1",
        access_token_validity="minutes=5",  # noqa: S106 - a duration
    ),
    "authentik_providers_proxy.proxyprovider": _model(
        "name",
        "mode internal_host skip_path_regex intercept_header_auth access_token_validity property_mappings",
        f"{_PROVIDER} external_host",
        skip_path_regex="",
    ),
    "authentik_core.application": _model("slug", "provider policy_engine_mode", "name", policy_engine_mode="any"),
    "authentik_outposts.outpost": _model("managed", "name type providers config", providers=()),
}

REFERENCES = frozenset(
    {
        *("target", "stage", "policy", "group", "provider", "providers", "signing_key", "property_mappings"),
        *("configure_flow", "configuration_stages"),
        *("flow_authentication", "authorization_flow", "invalidation_flow"),
    }
)
"""Fields that point at another object; one that points at nothing is refused."""

BUILT_IN: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Default - Brand": (("authentik_brands.brand", "domain", "authentik-default"),),
    "Default - Provider invalidation flow": (("authentik_flows.flow", "slug", "default-provider-invalidation-flow"),),
    "System - OAuth2 Provider - Scopes": tuple(
        ("authentik_providers_oauth2.scopemapping", "managed", f"goauthentik.io/providers/oauth2/scope-{name}")
        for name in ("openid", "email", "profile")
    ),
    "System - Proxy Provider - Scopes": (
        ("authentik_providers_oauth2.scopemapping", "managed", "goauthentik.io/providers/proxy/scope-proxy"),
    ),
    "": (
        ("authentik_crypto.certificatekeypair", "name", "authentik Self-signed Certificate"),
        ("authentik_outposts.outpost", "managed", "goauthentik.io/outposts/embedded"),
        ("authentik_core.group", "name", "authentik Admins"),
    ),
}
"""What Authentik has of itself, by the blueprint that brings it ("": by its start): model, field, value."""
