"""The scan of env files and templates: what is a fault, what is not, and that no value is ever repeated."""

import subprocess
from hashlib import sha256

import pytest

from estate.checks import tree
from estate.checks.tree import check, looks_secret, scan_tree
from estate.checks.tree_files import TreeFile
from estate.models.faults import Fault

STRONG = sha256(b"a value that nobody knows").hexdigest()[:32]


def faults(path: str, text: str, **state) -> list[Fault]:
    return check([TreeFile(path, text, **state)])


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DB_PASSWORD", True),
        ("GF_SECURITY_ADMIN_PASSWORD", True),
        ("apiKey", True),
        ("TELEGRAM_BOT_TOKEN", True),
        ("requirepass", True),
        ("root_pwd", True),
        ("CLIENT_SECRET", True),
        ("WG_PRIVATE_KEY", True),
        ("POSTGRES_PASSWORD_FILE", False),
        ("B2_KEY_ID", False),
        ("TOKEN_TTL", False),
        ("SSH_PUBLIC_KEY", False),
        ("key", False),
        ("PASSWORD_MIN_LENGTH", False),
        ("KEYCLOAK_HOST", False),
        ("COMPASS", False),
        ("MONKEY", False),
    ],
)
def test_which_names_are_those_of_secrets(name, secret):
    assert looks_secret(name) is secret


WEAK = ["postgrespassword", "infra_password", "redispassword", "ghost_password", "wordpress_password"]


@pytest.mark.parametrize("value", [*WEAK, "minioadmin", "admin", "password", "Passw0rd!"])
@pytest.mark.parametrize("path", [".env", "env/vps.env.example", "stack/docker-compose.yml"])
def test_a_weak_value_is_a_fault_everywhere(path, value):
    text = (
        f"services:\n  a:\n    environment:\n      DB_PASSWORD: {value}\n"
        if "yml" in path
        else f"DB_PASSWORD={value}\n"
    )
    (found,) = faults(path, text)
    assert found.path == f"{path}:{4 if 'yml' in path else 1}"
    assert found.fault == "DB_PASSWORD is a well-known weak value"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "__UNSET__",
        "CHANGE_ME_STRONG_PASSWORD",
        "${DB_PASSWORD}",
        "${DB_PASSWORD:?missing}",
        "$DB_PASSWORD",
        "<here>",
    ],
)
@pytest.mark.parametrize("path", [".env.example", "deploy/base.env.example", "docker-compose.prod.yaml"])
def test_a_template_may_hold_placeholders_and_references(path, value):
    text = f'environment:\n  - "DB_PASSWORD={value}"\n' if "yaml" in path else f"DB_PASSWORD={value}\n"
    assert faults(path, text) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".env.example", f"DB_PASSWORD={STRONG}\n"),
        ("vps.env.sample", f"export API_TOKEN='{STRONG}'\n"),
        ("docker-compose.yml", f"services: {{a: {{environment: {{DB_PASSWORD: {STRONG}}}}}}}\n"),
        ("compose.yaml", f"services:\n  a:\n    environment: [DB_PASSWORD={STRONG}]\n"),
        ("docker-compose.lab.yml", f"a: {{command: redis-server --requirepass {STRONG}}}\n"),
        ("docker-compose.yml", f"a: {{command: [redis-server, --requirepass, {STRONG}]}}\n"),
        ("docker-compose.yml", f"a:\n  DB_PASSWORD: ${{DB_PASSWORD:-{STRONG}}}\n"),
        ("docker-compose.yml", f"a: {{DATABASE_URL: 'postgres://u:{STRONG}@db/x'}}\n"),
        ("docker-compose.yml.j2", f"{{% if x %}}\n      DB_PASSWORD: {STRONG}\n"),
        ("app.conf.j2", f"db_password = {STRONG}\n"),
        ("app.json.j2", f'  "clientSecret": "{STRONG}",\n'),
        ("compose.yml", f"{{{{ broken\n  DB_PASSWORD: {STRONG}\n"),
        (".env.j2", f"DB_PASSWORD={STRONG}\n"),
    ],
)
def test_a_value_in_a_template_is_a_fault(path, text):
    (found,) = faults(path, text)
    assert "has a value in a template" in found.fault
    assert STRONG not in str(found)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.conf.j2", "password = {{ password }}\ntls_key = /etc/ssl/private/x.key\npasswords: no\n"),
        ("docker-compose.yml", "a: {DB_PASSWORD_FILE: /run/secrets/db, TOKEN_URL: https://x/y, API_KEY: ~}\n"),
        ("docker-compose.yml", "a: {URL: 'postgres://u:${PW}@db', command: run --password-file /x --token ${T}}\n"),
        (".env.example", f"COMPOSE_PROJECT_NAME={STRONG}\nTOKEN_TTL=30d\n"),
        ("board.json.j2", '  "key": "value of anything",\n'),
        ("README.md", f"DB_PASSWORD={STRONG}\n"),
    ],
)
def test_what_is_no_fault(path, text):
    assert faults(path, text) == []


@pytest.mark.parametrize(
    ("value", "said"),
    [("", "is empty"), ("__UNSET__", "is still a placeholder"), ("changeme", "is still a placeholder")],
)
def test_an_env_file_in_use_must_not_hold_placeholders(value, said):
    assert [fault.fault for fault in faults(".env", f"A=1\nDB_PASSWORD={value}\n")] == [f"DB_PASSWORD {said}"]


def test_the_default_of_a_reference_is_a_value():
    (found,) = faults("docker-compose.yml", "a:\n  URL: redis://:${PW:-redispassword}@redis\n")
    assert found == Fault(found.path, "URL is a well-known weak value", found.remedy)


def test_a_published_value_is_a_fault(monkeypatch):
    monkeypatch.setattr(tree, "is_leaked", lambda value: value == STRONG)
    (found,) = faults(".env", f"SSH_PASSWORD={STRONG}\n")
    assert found.fault == "SSH_PASSWORD is a value that was published"
    assert STRONG not in str(found)


@pytest.mark.parametrize(
    ("path", "state", "said"),
    [
        (".env", {"tracked": True}, ["is tracked by git though it holds 2 values"]),
        (".env.prod", {"mode": 0o644}, ["holds 2 values and others may use it (mode 0644)"]),
        ("vps.env", {"mode": 0o640}, []),
        (".env.example", {"tracked": True, "mode": 0o644}, []),
    ],
)
def test_where_values_may_not_be(path, state, said):
    text = "A=1\nB=2\nDB_PASSWORD=${C}\nTOKEN=<token>\n"
    if not path.endswith("example"):
        text = text.replace("TOKEN=<token>\n", "")
    assert [fault.fault for fault in faults(path, text, **state)] == said


def git(root, *arguments):
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


def test_a_tree_is_read_with_modes_and_with_what_git_tracks(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent")  # as in a hook of another repository
    nested = tmp_path / "services" / "n8n"
    ignored = [".venv/lib", ".lab", "a/node_modules/x", "tests/render/golden/h"]
    for folder in [nested, *(tmp_path / name for name in ignored)]:
        folder.mkdir(parents=True)
        (folder / ".env").write_text(f"N8N_TOKEN={STRONG}\n")
        (folder / ".env").chmod(0o644)
    (tmp_path / ".env").symlink_to("/nonexistent/.env")
    (tmp_path / ".env.local").write_text(f"API_TOKEN={STRONG}\n")
    (tmp_path / ".env.local").chmod(0o600)
    monkeypatch.delenv("GIT_INDEX_FILE")
    git(tmp_path, "init", "-q")
    git(nested, "init", "-q")
    git(nested, "add", ".env")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent")
    found = scan_tree(tmp_path)
    assert [fault.path for fault in found] == ["services/n8n/.env"] * 2
    assert "mode 0644" in found[0].fault
    assert "tracked by git" in found[1].fault
    assert STRONG not in "".join(map(str, found))


def test_a_repository_that_git_cannot_read_is_a_fault(tmp_path):
    (tmp_path / ".git").write_text("gitdir: /nonexistent\n")
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / ".env").chmod(0o600)
    (found,) = scan_tree(tmp_path)
    assert "git could not list its files" in found.fault


def test_this_repository_is_clean():
    from estate.render.templates import ROOT

    assert scan_tree(ROOT) == []
