"""The tests' own rclone for folders answers as the real one does."""

import subprocess

import folder_rclone
import pytest
from backup_host import programs

LISTED = ("--config", "", "--transfers", "4")


@pytest.fixture
def folder(tmp_path):
    for name in ("daily/a/x/one", "daily/a/manifest.json", "daily/b/two", "objects/aa/three", "weekly/top"):
        path = tmp_path / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    (tmp_path / "names").write_text("daily/a/x/one\ndaily/b/two\ndaily/c/not there\n")
    (tmp_path / "other" / "x").mkdir(parents=True)
    (tmp_path / "other" / "x" / "one").write_text("another content")
    return tmp_path


def tree(folder):
    return {str(path.relative_to(folder)): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


CASES = [
    ("lsf", "-R", "--dirs-only", "--max-depth", "2", "--exclude", "/objects/**", "{0}/store"),
    ("lsf", "--dirs-only", "{0}/store"),
    ("lsf", "--dirs-only", "{0}/nowhere"),
    ("lsf", "-R", "--fast-list", "--files-only", "--format", "sp", "{0}/store/objects"),
    ("lsf", "-R", "--fast-list", "--files-only", "--format", "sp", "{0}/nowhere"),
    ("copy", "{0}/store", "{0}/new", "--files-from-raw", "{0}/names", "--no-traverse"),
    ("copy", "{0}/nowhere", "{0}/new", "--files-from-raw", "{0}/names", "--no-traverse"),
    ("copy", "{0}/store/daily/a", "{0}/new/daily/a", "--immutable", "--exclude", "/manifest.json"),
    ("copy", "{0}/store/daily/a", "{0}/new", "--immutable", "--include", "/manifest.json"),
    ("copy", "{0}/store/daily/a", "{0}/store/daily/a", "--immutable"),
    ("copy", "{0}/other", "{0}/store/daily/a", "--immutable"),
    ("copyto", "{0}/store/weekly/top", "{0}/new/place"),
    ("copyto", "{0}/store/weekly/nothing", "{0}/new/place"),
    ("check", "--one-way", "{0}/store/daily/a", "{0}/store/daily/a", "--exclude", "/manifest.json"),
    ("check", "--one-way", "{0}/other", "{0}/store/daily/a"),
    ("check", "--one-way", "{0}/store/daily/b", "{0}/store/daily/a"),
    ("hashsum", "sha256", "--download", "{0}/store/daily"),
    ("hashsum", "sha256", "--download", "{0}/nowhere"),
    ("deletefile", "{0}/store/weekly/top"),
    ("deletefile", "{0}/store/weekly/nothing"),
    ("delete", "{0}/store/daily/a", "--max-delete", "9"),
    ("delete", "{0}/store", "--files-from-raw", "{0}/names", "--max-delete", "2"),
    ("delete", "{0}/nowhere", "--max-delete", "9"),
]


@pytest.mark.parametrize("words", CASES, ids=[" ".join(words) for words in CASES])
def test_the_same_answer_and_the_same_files(folder, tmp_path_factory, words):
    other = tmp_path_factory.mktemp("other")
    subprocess.run(["cp", "-a", f"{folder}/.", other], check=True)
    mine = ["rclone", *(word.format(folder) for word in words), *LISTED]
    real = ["rclone", *(word.format(other) for word in words), *LISTED]
    path = programs("rclone")
    done = subprocess.run(real, capture_output=True, text=True, env={"PATH": path, "RCLONE_RETRIES": "1"})
    status, text, _ = folder_rclone.call(mine)
    # 3 and 4 mean the same to the program: not there
    same = {4: 3}
    assert same.get(status, status) == same.get(done.returncode, done.returncode), done.stderr
    assert sorted(text.splitlines()) == sorted(done.stdout.splitlines())
    assert tree(folder) == tree(other)
