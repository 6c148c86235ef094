"""RustDesk's key pair, which hbbs in the homelab and hbbr on the VPS share (facts/homelab-vps.md, 2.4)."""

from estate.models.secret import SecretKind, SecretSpec

_FIXED = "every client knows its public half: a new pair is a new server to each of them (docs/vps.md)"
RUSTDESK_KEY = SecretSpec(
    name="RUSTDESK_KEY",
    kind=SecretKind.ED25519,
    purpose="RustDesk's ID server signs with it (hbbs' id_ed25519)",
    fixed=_FIXED,
)
RUSTDESK_KEY_PUB = SecretSpec(
    name="RUSTDESK_KEY_PUB",
    kind=SecretKind.ED25519_PUBLIC,
    purpose="Its public half: what a client needs to use hbbs and hbbr (id_ed25519.pub)",
    fixed=_FIXED,
)
