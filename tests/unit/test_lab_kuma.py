"""Uptime Kuma's layer: pins, repair, trimming, stable bytes. Making it takes minutes and is tried by the contract."""

import json

import pytest

from lab.errors import LabError
from lab.images import kuma


def tree(root, source='if (this.dbConfig.client === "sqlite3") {'):
    files = {
        "db/patch-a.sql": "a",
        "db/old_migrations/patch-b.sql": "b",
        "server/database.js": source,
        "node_modules/x/README.md": "r",
        "node_modules/x/LICENSE.md": "l",
        "node_modules/x/.bin/tool": "t",
        "node_modules/x/index.d.ts": "d",
        "node_modules/node-gyp/index.js": "n",
        "node_modules/x/index.js": "x",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_every_package_is_pinned_by_its_digest_and_no_registry_is_named():
    lock = json.loads((kuma.PINS / "package-lock.json").read_text())
    packages = [found for name, found in lock["packages"].items() if name]
    assert len(packages) > 500
    assert all(found["integrity"].startswith("sha512-") for found in packages)
    assert "resolved" not in (kuma.PINS / "package-lock.json").read_text()
    assert lock["packages"]["node_modules/uptime-kuma"]["version"] == kuma.version()


def test_the_repair_puts_patches_where_they_are_looked_for(tmp_path):
    kuma._repair(tree(tmp_path))
    assert sorted(path.name for path in tmp_path.glob("db/old_migrations/*")) == ["patch-a.sql", "patch-b.sql"]
    assert (tmp_path / "server/database.js").read_text() == 'if (this.dbConfig.type === "sqlite") {'


def test_another_source_is_not_repaired_blindly(tmp_path):
    with pytest.raises(LabError, match="not the one that was read"):
        kuma._repair(tree(tmp_path, "class Database {}"))


def test_what_only_developers_read_goes_and_licences_stay(tmp_path):
    kuma._trim(tree(tmp_path))
    left = {str(path.relative_to(tmp_path / "node_modules")) for path in tmp_path.rglob("node_modules/*/*")}
    assert left == {"x/LICENSE.md", "x/index.js"}


def test_the_same_tree_gives_the_same_bytes(tmp_path):
    assert kuma._tar(tree(tmp_path / "a")) == kuma._tar(tree(tmp_path / "b"))
