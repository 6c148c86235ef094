"""Contract of the CouchDB stand-in (facts/homelab-vps.md, 2.5), and our tool against it over a real connection."""

import base64
import re
import subprocess
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from estate.render.templates import render
from lab.standins.couchdb.app import create
from lab.standins.couchdb.settings import read
from lab.standins.couchdb.store import Store

ADMIN, VAULT = ("estate", "root-password"), "/obsidian-vault"


def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    for part in ("default.d", "local.d"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "default.d" / "50-estate.ini").write_text(render("couchdb/estate.ini.j2"))
    (folder / "local.d" / "docker.ini").write_text("\n[admins]\nestate = root-password\n")
    return folder


@pytest.fixture
def served(tmp_path):
    return TestClient(create(read(etc(tmp_path)), Store(tmp_path / "db")))


@pytest.fixture
def vault(served):
    """The vault with its user."""
    served.put(VAULT, auth=ADMIN)
    names = {"names": ["obsidian"], "roles": []}
    served.put(f"{VAULT}/_security", json={"admins": names, "members": names}, auth=ADMIN)
    user = {"name": "obsidian", "roles": [], "type": "user", "password": "mine"}
    served.put("/_users/org.couchdb.user:obsidian", json=user, auth=ADMIN)
    served.auth = ("obsidian", "mine")
    return served


def test_the_declared_settings_are_what_livesync_needs(tmp_path):
    settings = read(etc(tmp_path))
    assert (settings.single_node, settings.valid_user_but_up, settings.cors, settings.credentials) == (True,) * 4
    assert settings.origins == ("app://obsidian.md", "capacitor://localhost", "http://localhost")
    assert settings.max_document == 50_000_000


def test_without_an_administrator_it_does_not_start(tmp_path):
    folder = etc(tmp_path)
    (folder / "local.d" / "docker.ini").write_text("")
    with pytest.raises(ValueError, match="no administrator"):
        read(folder)


def test_only_up_answers_without_a_login(served):
    assert served.get("/_up").json()["status"] == "ok"
    refused = served.get("/")
    assert (refused.status_code, refused.json()["error"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"].startswith("Basic realm=")
    assert served.get("/", auth=("estate", "wrong")).status_code == 401


def test_a_database_is_made_once_and_by_the_administrator(served, vault):
    assert served.put(VAULT, auth=ADMIN).status_code == 412
    assert served.put("/other", auth=ADMIN).status_code == 201
    assert served.put("/Other", auth=ADMIN).json()["error"] == "illegal_database_name"
    assert vault.put("/third").status_code == 401
    assert vault.get("/_all_dbs").status_code == 401


def test_a_user_sees_the_own_vault_and_nothing_else(served, vault):
    served.put("/other", auth=ADMIN)
    assert vault.get(VAULT).json()["db_name"] == "obsidian-vault"
    assert vault.get("/other").status_code == 403
    assert vault.get("/_users/_all_docs").status_code == 403
    own = vault.get("/_users/org.couchdb.user:obsidian").json()
    assert own["name"] == "obsidian"
    assert "mine" not in str(own)


def test_an_edit_names_the_revision_that_it_replaces(vault):
    first = vault.put(f"{VAULT}/note", json={"text": "a"}).json()["rev"]
    assert vault.put(f"{VAULT}/note", json={"text": "b"}).status_code == 409
    second = vault.put(f"{VAULT}/note", json={"_rev": first, "text": "b"}).json()["rev"]
    assert second.startswith("2-")
    assert vault.delete(f"{VAULT}/note", params={"rev": second}).status_code == 200
    assert vault.get(f"{VAULT}/note").json() == {"error": "not_found", "reason": "deleted"}
    assert vault.put(f"{VAULT}/note", json={"text": "again"}).status_code == 201


def test_replication_takes_over_what_is_missing_and_its_history(vault):
    wanted = {"note": ["2-b"]}
    assert vault.post(f"{VAULT}/_revs_diff", json=wanted).json() == {"note": {"missing": ["2-b"]}}
    edit = {"_id": "note", "_rev": "2-b", "_revisions": {"start": 2, "ids": ["b", "a"]}, "text": "x"}
    assert vault.post(f"{VAULT}/_bulk_docs", json={"docs": [edit], "new_edits": False}).status_code == 201
    assert vault.post(f"{VAULT}/_revs_diff", json=wanted).json() == {}
    found = vault.post(f"{VAULT}/_bulk_get", json={"docs": [{"id": "note"}]}).json()["results"][0]["docs"][0]["ok"]
    assert found["_revisions"] == {"start": 2, "ids": ["b", "a"]}
    older = {**edit, "_rev": "1-a", "_revisions": {"start": 1, "ids": ["a"]}, "text": "old"}
    vault.post(f"{VAULT}/_bulk_docs", json={"docs": [older], "new_edits": False})
    assert vault.get(f"{VAULT}/note").json()["text"] == "x"


def test_changes_go_on_where_the_last_ones_ended(vault):
    vault.post(f"{VAULT}/_bulk_docs", json={"docs": [{"_id": "a"}, {"_id": "b"}]})
    first = vault.get(f"{VAULT}/_changes", params={"limit": 1}).json()
    rest = vault.get(f"{VAULT}/_changes", params={"since": first["last_seq"]}).json()
    assert [row["id"] for row in (*first["results"], *rest["results"])] == ["a", "b"]
    waited = vault.get(f"{VAULT}/_changes", params={"since": rest["last_seq"], "feed": "longpoll", "timeout": 1})
    assert waited.json()["results"] == []


def test_a_checkpoint_is_kept_and_not_replicated(vault):
    assert vault.get(f"{VAULT}/_local/check").status_code == 404
    vault.put(f"{VAULT}/_local/check", json={"seq": 3})
    assert vault.get(f"{VAULT}/_local/check").json()["seq"] == 3
    assert vault.get(f"{VAULT}/_all_docs").json()["total_rows"] == 0


def test_a_page_of_the_app_may_ask_and_another_may_not(served):
    app = {"Origin": "app://obsidian.md", "Access-Control-Request-Method": "PUT"}
    allowed = served.options(VAULT, headers=app)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    assert "access-control-allow-origin" not in served.options(VAULT, headers={**app, "Origin": "https://evil"}).headers


def test_data_outlive_the_process(tmp_path):
    store = Store(tmp_path / "db")
    store.create("x")
    store.put("x", "a", {"n": 1})
    assert Store(tmp_path / "db").get("x", "a")[0] == {"n": 1}


# --- our tool, as it runs in the container


@pytest.fixture
def tool(tmp_path):
    """Runs templates/couchdb/estate.bash against the stand-in on a real socket; its server is a process of its own."""
    folder = etc(tmp_path)
    (tmp_path / "admin-password").write_text("root-password")
    start = (
        "import sys, socket, uvicorn; from pathlib import Path; from lab.standins.couchdb.app import create;"
        "from lab.standins.couchdb.settings import read; from lab.standins.couchdb.store import Store;"
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True);"
        f"app = create(read(Path({str(folder)!r})), Store({str(tmp_path / 'db')!r}));"
        "uvicorn.Server(uvicorn.Config(app, log_level='critical', lifespan='off')).run(sockets=[s])"
    )
    root = Path(__file__).resolve().parents[2]
    import sys

    server = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True, cwd=root)
    port = server.stdout.readline().strip()
    script = tmp_path / "estate.bash"
    text = render("couchdb/estate.bash.j2").replace("/5984", f"/{port}")
    script.write_text(text.replace("/run/secrets/admin-password", str(tmp_path / "admin-password")))

    def run(word: str, password: str = "") -> subprocess.CompletedProcess:
        return subprocess.run(["bash", str(script), word], input=password, capture_output=True, text=True, timeout=60)

    for _ in range(100):
        if run("up").returncode == 0:
            break
    yield run
    server.kill()
    server.wait()


def test_the_tool_makes_the_vault_and_its_user_and_proves_the_password(tool):
    assert tool("up").returncode == 0
    assert tool("admin", "root-password").returncode == 0
    assert tool("admin", "wrong").returncode != 0
    assert tool("prove", 'a "strange\\ one').returncode != 0, "a control: nobody is there yet"
    made = tool("change", 'a "strange\\ one')
    assert (made.returncode, made.stderr) == (0, "")
    assert tool("prove", 'a "strange\\ one').returncode == 0
    # A rotation, and a second time the same: the user's document has a revision by now
    assert [tool("change", "two").returncode, tool("prove", "two").returncode] == [0, 0]
    assert tool("prove", 'a "strange\\ one').returncode != 0


def test_the_tool_gives_no_password_to_a_program():
    """Only builtins of the shell see one; base64, cat and the like get theirs through a pipe."""
    text = render("couchdb/estate.bash.j2")
    assert not re.search(r"\b(curl|wget|env|base64|cat)\b[^|\n]*\$\{?password", text)
    assert base64.b64encode(b"x")
