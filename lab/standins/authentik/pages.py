"""The login page: a form for each challenge that a person can answer without a script; it says what it is."""

from __future__ import annotations

import html
from typing import Any

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>authentik (lab stand-in)</title>
<h1>authentik: lab stand-in, not the real thing</h1>{body}</html>"""
_FIELDS = {
    "ak-stage-identification": ("uid_field", "text", "User name or address"),
    "ak-stage-password": ("password", "password", "Password"),
    "ak-stage-authenticator-totp": ("code", "text", "Code of the app that scanned the secret"),
}


def error(status: int, text: str) -> str:
    """A page that says what is wrong."""
    return PAGE.format(body=f"<h2>{status}</h2><p>{html.escape(text)}</p>")


def challenge(asked: dict[str, Any]) -> str:
    """The form of a challenge."""
    component = asked["component"]
    errors = asked.get("response_errors", {}).get("non_field_errors", [])
    parts = [f"<p role=alert>{html.escape(fault['string'])}</p>" for fault in errors]
    if component == "ak-stage-access-denied":
        return error(403, asked["error_message"])
    if component in _FIELDS:
        parts.append(_field(*_FIELDS[component]))
        if "config_url" in asked:
            parts.append(f"<p><code>{html.escape(asked['config_url'])}</code></p>")
    for choice in asked.get("configuration_stages", []):
        name, value = html.escape(choice["meta_model_name"]), html.escape(choice["pk"])
        parts.append(f'<form method=post><button name=selected_stage value="{value}">Enrol: {name}</button></form>')
    for device in asked.get("device_challenges", []):
        if device["device_class"] == "totp":
            parts.append(_field("code", "text", "Code"))
        else:
            parts.append("<p>A WebAuthn device can answer, through the API only: this page has no script.</p>")
    return PAGE.format(body=f"<h2>{html.escape(component)}</h2>{''.join(parts)}")


def _field(name: str, kind: str, label: str) -> str:
    return (
        f"<form method=post><label>{html.escape(label)} "
        f"<input name={name} type={kind} autofocus></label><button>Continue</button></form>"
    )
