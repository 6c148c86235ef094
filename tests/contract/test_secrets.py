"""Secrets: what any client can rely on. The same promises for the official SDK and for ours."""

import pytest
from drivers import DRIVERS

from estate.clients.infisical_admin import Admin

HARD = {
    "PLAIN": "value",
    "EQUALS": "a=b==c",
    "QUOTES": 'it\'s "quoted"',
    "DOLLAR": "a$b$$c",
    "BACKSLASH": "C:\\new",
    "UNICODE": "ünïcødé ✓",
    "LINES": "-----BEGIN-----\nabc\ndef\n-----END-----",
    "EMPTY": "",
}


@pytest.fixture(params=sorted(DRIVERS))
def driver(request, infisical):
    if request.param == "sdk" and infisical.authority:
        pytest.skip("the SDK takes no certificate authority of one's own")
    return DRIVERS[request.param](infisical, infisical.client_id, infisical.client_secret)


def test_hard_values_survive(driver, folder):
    driver.write(folder, HARD)
    assert driver.read(folder) == HARD


def test_writing_again_changes_the_value_and_makes_no_second_secret(driver, folder):
    driver.write(folder, {"A": "1", "B": "2"})
    driver.write(folder, {"A": "3"})
    driver.write(folder, {"A": "3"})
    assert driver.read(folder) == {"A": "3", "B": "2"}


def test_a_deleted_secret_is_gone(driver, folder):
    driver.write(folder, {"A": "1", "B": "2"})
    driver.delete(folder, "A")
    assert driver.read(folder) == {"B": "2"}


@pytest.mark.parametrize(("given", "kept"), [("  a b  ", "a b"), ("a\n", "a\n"), ("\n\na\n\n", "a\n"), ("\ta", "a")])
def test_values_are_trimmed_but_for_one_line_break(driver, folder, given, kept):
    driver.write(folder, {"A": given})
    assert driver.read(folder) == {"A": kept}


def test_an_empty_folder_is_an_empty_list(driver, folder):
    assert driver.read(folder) == {}


def test_what_one_client_writes_the_other_reads(infisical, folder):
    if infisical.authority:
        pytest.skip("the SDK takes no certificate authority of one's own")
    sdk, ours = (DRIVERS[name](infisical, infisical.client_id, infisical.client_secret) for name in ("sdk", "ours"))
    ours.write(folder, HARD)
    assert sdk.read(folder) == HARD
    sdk.write(folder, {"PLAIN": "other"})
    assert ours.read(folder)["PLAIN"] == "other"


def test_imports_are_read_below_the_folders_own(driver, infisical, folder):
    ours = DRIVERS["ours"](infisical, infisical.client_id, infisical.client_secret)
    for name, values in {"first": {"A": "1", "B": "1", "C": "1"}, "second": {"B": "2", "C": "2"}}.items():
        Admin(ours.client).folder(infisical.project, infisical.environment, f"{folder}/{name}")
        ours.write(f"{folder}/{name}", values)
        body = {
            "projectId": infisical.project,
            "workspaceId": infisical.project,
            "environment": infisical.environment,
            "path": folder,
            "import": {"environment": infisical.environment, "path": f"{folder}/{name}"},
        }
        ours.client.call("POST", "/api/v1/secret-imports", body=body)
    ours.write(folder, {"C": "own"})
    assert driver.read(folder) == {"A": "1", "B": "2", "C": "own"}


def test_references_are_expanded_for_the_deploy(infisical, folder):
    ours = DRIVERS["ours"](infisical, infisical.client_id, infisical.client_secret)
    ours.write(folder, {"HOST": "db", "URL": "postgres://${HOST}/x"})
    assert ours.read(folder)["URL"] == "postgres://db/x"
