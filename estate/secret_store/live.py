"""What expires on the hosts and at issuers: certificates, pre-auth keys, Cloudflare tokens."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from estate.clients.cloudflare import token_expiry
from estate.clients.errors import ApiError, UnauthorisedError
from estate.inventory import Estate
from estate.models.faults import EstateFaults
from estate.models.host import StackHost
from estate.models.stack import Stack
from estate.operations.headscale import parse, read_script
from estate.remote import run_as_root
from estate.secrets.expiry import Expiry

TIMEOUT = 10


def certificate(name: str, address: str, authority: str | None) -> Expiry:
    """When the certificate that answers for a name ends. Raises OSError when none can be had."""
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(cadata=authority)
    remedy = "read Caddy's log: it renews certificates by itself"
    try:
        with (
            socket.create_connection((address, 443), timeout=TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            found = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        if "expired" not in str(error):
            raise
        return Expiry(name, "certificate", datetime.now(UTC), None, remedy)
    begin, end = (ssl.cert_time_to_seconds(str(found[key])) for key in ("notBefore", "notAfter"))
    ends = datetime.fromtimestamp(end, UTC)
    return Expiry(name, "certificate", ends, ends - datetime.fromtimestamp(begin, UTC), remedy)


def _certificates(host: StackHost, stack: Stack, silent: list[str]) -> Iterator[Expiry]:
    if host.tls is None:
        return
    root = host.tls.ca_root
    for _, _, name in stack.routes():
        try:
            yield certificate(name, host.address, root)
        except OSError as error:
            silent.append(f"certificate of {name} ({error})")


def _preauth_keys(estate: Estate, name: str, stack: Stack, silent: list[str]) -> Iterator[Expiry]:
    if "headscale" not in stack:
        return
    try:
        outcome = run_as_root(name, estate.ssh[name], read_script(stack.service("headscale")))
    except EstateFaults as error:
        silent.append(f"pre-auth keys of {name} ({error.faults[0].fault})")
        return
    state = parse(outcome.stdout.splitlines())
    if not state.reachable:
        silent.append(f"pre-auth keys of {name} (Headscale does not answer)")
    for key in state.keys:
        if key.get("expiration") and (key.get("reusable") or not key.get("used")):
            user = key.get("user", {}).get("name", "?")
            ends = datetime.fromisoformat(str(key["expiration"]).replace("Z", "+00:00"))
            yield Expiry(f"headscale pre-auth key of {user}", "pre-auth key", ends, None, "the deploy renews it")


def _cloudflare(estate: Estate, values: Mapping[str, str], silent: list[str]) -> Iterator[Expiry]:
    for stack in estate.stacks.values():
        for name, spec in stack.secrets().items():
            if spec.issuer == "cloudflare" and values.get(name):
                try:
                    ends = token_expiry(values[name])
                except UnauthorisedError as error:
                    yield Expiry(name, "cloudflare token", datetime.now(UTC), None, f"{error.text}; {error.advice}")
                    continue
                except ApiError as error:
                    silent.append(f"Cloudflare about {name} ({error.text})")
                    continue
                if ends:
                    yield Expiry(
                        name, "cloudflare token", ends, None, f"make a new one, then `estate secrets set {name}`"
                    )


def live_ledger(estate: Estate, values: Mapping[str, str]) -> tuple[list[Expiry], list[str]]:
    """Everything that ends by itself and has to be asked for; and who could not be asked."""
    silent: list[str] = []
    found: list[Expiry] = []
    for name, stack in estate.stacks.items():
        host = estate.hosts[name]
        if isinstance(host, StackHost):
            found += _certificates(host, stack, silent)
        found += _preauth_keys(estate, name, stack, silent)
    found += _cloudflare(estate, values, silent)
    return found, silent
