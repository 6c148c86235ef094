"""Headscale's users and pre-auth keys through its REST API (facts/apis.md, 2)."""

import json
from collections.abc import Generator
from datetime import UTC, datetime, timedelta

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation

from estate.facts.quiet import read
from estate.models.service import Service
from estate.models.stack_settings import HeadscaleSettings
from estate.operations.announce import announce
from estate.operations.command import script
from estate.plan.headscale import HeadscaleState, changes, missing_keys, missing_users
from estate.render.shell import shell, variables

KEYS = "/var/lib/estate/headscale-preauth-keys"
"""Where the host keeps the pre-auth keys, a file a user, mode 0600: the API shows a key only once."""

_API_KEY_EXPIRES = "999d"
_known: dict[str, HeadscaleState] = {}


def _head(service: Service) -> str:
    words = {"CONTAINER": service.name, "PORT": str(service.port), "KEYS": KEYS}
    return variables(words) + shell("operations/headscale.sh")


READ = """
authorised || { echo unreachable; exit 0; }
echo reachable
api GET /api/v1/user; echo
api GET /api/v1/preauthkey; echo
ls "$KEYS" 2>/dev/null || :
"""


def read_script(service: Service) -> str:
    """The script that lists users, keys, and which keys lie on the host."""
    return _head(service) + READ


def parse(lines: list[str]) -> HeadscaleState:
    """The state from what the script printed."""
    if not lines or lines[0] != "reachable":
        return HeadscaleState()
    users = {user["name"]: user["id"] for user in json.loads(lines[1]).get("users", [])}
    keys = json.loads(lines[2]).get("preAuthKeys", [])
    return HeadscaleState(True, users, keys, frozenset(lines[3:]))


def _recall(target: Host, service: Service) -> HeadscaleState:
    """Read once a run; but an API that was not up yet while preparing is asked again."""
    known = _known.get(target.name)
    if known is None or not known.reachable:
        known = _known[target.name] = parse(read(target, read_script(service)))
    return known


def apply_script(service: Service, settings: HeadscaleSettings, state: HeadscaleState, now: datetime) -> str:
    """Creates what is missing; the API key first, with Headscale's own command (there is no other way)."""
    lines = [
        _head(service),
        f'authorised || docker exec "$CONTAINER" headscale apikeys create --expiration {_API_KEY_EXPIRES} >"$key_file"',
        'mkdir -p "$KEYS"',
    ]
    for name in missing_users(settings, state):
        lines.append(f"create_user {name}")
    for key in missing_keys(settings, state, now):
        # Left out, the expiration is the zero time: a key that is born expired (v0.27 to v0.29)
        expires = (now + timedelta(hours=key.expires)).strftime("%Y-%m-%dT%H:%M:%SZ")
        flags = f"{str(key.reusable).lower()} {str(key.ephemeral).lower()}"
        lines.append(f"create_key {key.user} {flags} {expires}")
    return "\n".join(lines)


@operation()
def users_and_keys(service: Service, settings: HeadscaleSettings) -> Generator[StringCommand, None, None]:
    """Create the declared users and keep a valid pre-auth key for each that wants one.

    Users and keys that are not declared are left alone: nodes may hang on them.
    """
    state = _recall(host, service)
    now = datetime.now(UTC)
    planned = changes(settings, state, now)
    if state.reachable and not planned:
        host.noop(f"{len(settings.users)} users and {len(settings.preauth_keys)} pre-auth keys are there")
        return
    announce(host, "headscale", planned)
    yield script(apply_script(service, settings, state, now), timeout=120)
