"""`.env` quoting: what we write is what Docker Compose reads, asked of the real one on a lab host."""

import json

import pytest
from estate_copy import on_host

from estate.render.dotenv import dotenv

pytestmark = pytest.mark.mainframe

VALUES = {
    "PLAIN": "abc123",
    "DOLLAR": "a$b$$c${HOME}d$(id)",
    "SINGLE": "it's",
    "DOUBLE": 'say "hi"',
    "BOTH": """it's "both" $HOME""",
    "HASH": "before #after",
    "LEADING_HASH": "#x",
    "SPACES": "  two  spaces  ",
    "EQUALS": "a=b==",
    "BACKSLASH": "a\\b\\\\c\\n",
    "BACKSLASH_QUOTE": "a\\'b\\\"c",
    "ENDS_IN_BACKSLASH": "abc\\",
    "ARGON2": "$argon2id$v=19$m=65540,t=3,p=4$c2FsdA$aGFzaA",
    "UNICODE": "pässwörd→",
    "PERCENT": "100%s %d `tick` !bang",
}

SCRIPT = """
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cat >"$directory/.env" <<'END-OF-ENV'
{env}END-OF-ENV
cat >"$directory/docker-compose.yml" <<'END-OF-COMPOSE'
{compose}
END-OF-COMPOSE
cd "$directory" && docker compose config --format json
"""


@pytest.fixture(scope="module")
def read_back():
    names = {name: "${" + name + ":?}" for name in VALUES}
    compose = json.dumps({"name": "t", "services": {"s": {"image": "x", "environment": names}}})
    output = on_host("mainframe", SCRIPT.format(env=dotenv(VALUES), compose=compose))
    # Compose escapes `$` in what it prints, so that the output is a compose file again
    environment = json.loads(output)["services"]["s"]["environment"]
    return {name: value.replace("$$", "$") for name, value in environment.items()}


@pytest.mark.parametrize("name", VALUES)
def test_compose_reads_back_what_was_written(read_back, name):
    assert read_back[name] == VALUES[name]
