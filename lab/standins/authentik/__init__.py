"""Stand-in for Authentik: blueprints, flows with real TOTP and WebAuthn, and a real OpenID provider (oauthlib)."""

SOFTWARE = "authentik"
VERSION = "2026.8.3"
