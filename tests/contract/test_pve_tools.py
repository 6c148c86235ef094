"""The tools beside `pct`: API, storages, templates, access, firewall (facts/homelab-vps.md §1)."""

import json

import pytest
from pve_stand_in import NET0, OSTEMPLATE, TEMPLATE, Pve

from lab.standins.proxmox import httpd


@pytest.fixture
def pve(tmp_path) -> Pve:
    return Pve(tmp_path)


def get(pve: Pve, path: str, *words: str):
    return pve.ok("pvesh", "get", path, *words, "--output-format", "json").json()


def nfs(pve: Pve, *words: str):
    export = pve.node.data / "nfs/10.99.0.33/export/backups"
    export.mkdir(parents=True, exist_ok=True)
    given = ("--server", "10.99.0.33", "--export", "/export/backups", "--content", "backup")
    return pve.run("pvesm", "add", "nfs", "omv", *given, *words)


def test_pvesh_prints_json_yaml_and_tables(pve) -> None:
    assert get(pve, "/version")["repoid"] == "estate-lab-stand-in"
    assert pve.ok("pvesh", "get", "/version", "--output-format", "yaml").out.startswith("---\nrelease: ")
    assert pve.ok("pvesh", "get", "/version").out.startswith("┌─")
    assert pve.ok("pvesh", "get", "/cluster/backup", "--output-format", "json").out == "[]"


def test_pvesh_refuses_unknown_paths_methods_and_options(pve) -> None:
    assert pve.run("pvesh", "get", "/nothing").err == "no 'get' handler for '/nothing'\n"
    assert pve.run("pvesh", "delete", "/version").err == "no 'delete' handler for '/version'\n"
    assert pve.run("pvesh", "get", "/version", "--colour", "1").err.startswith("Unknown option: colour\n400 ")
    assert pve.run("pvesh", "get", "/version", "--output-format", "xml").status == 255


def test_pvesh_reaches_the_other_node_over_ssh(pve) -> None:
    pve.ok("pvesh", "get", "/nodes/i5/lxc", "--output-format", "json")
    assert pve.backend.remotes == [
        ("i5", ["/usr/bin/pvesh", "get", "/nodes/i5/lxc", "--output-format", "json", "--noproxy", "1"])
    ]
    assert pve.run("pvesh", "get", "/nodes/nowhere/lxc").err == "no such cluster node 'nowhere'\n"


def test_nodes_have_the_size_that_the_lab_declares(pve) -> None:
    nodes = {row["node"]: row for row in get(pve, "/nodes")}
    assert (nodes["dl380p"]["maxcpu"], nodes["dl380p"]["maxmem"]) == (32, 96 * 1024**3)
    assert [nodes[name]["status"] for name in ("dl380p", "i5")] == ["online", "online"]
    pve.lose_quorum()
    assert {row["node"]: row["status"] for row in get(pve, "/nodes")}["i5"] == "offline"


def test_resources_are_those_of_the_whole_cluster(pve) -> None:
    pve.with_template().create()
    other = pve.node.pve / "nodes/i5/lxc/150.conf"
    other.parent.mkdir(parents=True)
    other.write_text("hostname: there\nmemory: 512\nrootfs: local-lvm:vm-150-disk-0,size=4G\n")
    rows = {row["vmid"]: row for row in get(pve, "/cluster/resources", "--type", "vm")}
    assert (rows[141]["node"], rows[141]["status"], rows[141]["maxcpu"]) == ("dl380p", "stopped", 2)
    assert (rows[150]["node"], rows[150]["status"]) == ("i5", "unknown")
    assert get(pve, "/cluster/nextid") == "100"
    assert pve.run("pvesh", "get", "/cluster/nextid", "--vmid", "150").status == 255


def test_config_over_the_api_has_numbers_and_the_digest(pve) -> None:
    pve.with_template().create(description="x", unprivileged="1")
    found = get(pve, "/nodes/dl380p/lxc/141/config", "--current", "1")
    assert (found["memory"], found["unprivileged"], found["description"]) == (4096, 1, "x\n")
    assert len(found["digest"]) == 40


def test_templates_are_listed_after_an_update_with_the_architecture(pve) -> None:
    assert pve.ok("pveam", "available").out == ""
    pve.ok("pveam", "update")
    rows = [line.split() for line in pve.ok("pveam", "available", "--section", "system").out.splitlines()]
    assert ["system", TEMPLATE, "amd64"] in rows
    assert {row[0] for row in rows} == {"system"}
    assert pve.run("pveam", "available", "--section", "mine").status == 255


def test_a_template_is_downloaded_once(pve) -> None:
    pve.ok("pveam", "update")
    assert "no such template" in pve.run("pveam", "download", "local", "debian-11-standard").err
    assert "does not support templates" in pve.run("pveam", "download", "local-lvm", TEMPLATE).err
    assert "404" in pve.run("pveam", "download", "local", "alpine-3.22-default_20250617_amd64.tar.xz").err
    pve.ok("pveam", "download", "local", TEMPLATE)
    assert "skipping download" in pve.ok("pveam", "download", "local", TEMPLATE).out
    lines = pve.ok("pveam", "list", "local").out.splitlines()
    assert lines[0].split() == ["NAME", "SIZE"]
    assert lines[1].startswith(f"{OSTEMPLATE} ")
    assert lines[1].endswith("MB")
    pve.ok("pveam", "remove", OSTEMPLATE)
    assert len(pve.ok("pveam", "list", "local").out.splitlines()) == 1


def test_an_nfs_storage_is_tried_before_it_is_kept(pve) -> None:
    pve.answers.discard(("10.99.0.33", 22))
    assert nfs(pve).err == "create storage failed: storage 'omv' is not online\n"
    pve.answers.add(("10.99.0.33", 22))
    assert nfs(pve, "--prune-backups", "keep-daily=7,keep-weekly=4").status == 0
    assert nfs(pve).err == "storage ID 'omv' already defined\n"
    assert "nfs: omv\n\tserver 10.99.0.33\n\texport /export/backups\n" in (pve.node.pve / "storage.cfg").read_text()
    assert pve.backend.mounted(pve.node.root / "mnt/pve/omv")
    states = {row["storage"]: row for row in get(pve, "/nodes/dl380p/storage")}
    assert (states["omv"]["active"], states["omv"]["type"], states["omv"]["shared"]) == (1, "nfs", 1)


def test_a_server_that_is_gone_makes_its_storage_inactive(pve) -> None:
    nfs(pve)
    pve.answers.discard(("10.99.0.33", 22))
    assert {row["storage"]: row["active"] for row in get(pve, "/nodes/dl380p/storage")}["omv"] == 0
    assert pve.run("pvesm", "list", "omv").err == "storage 'omv' is not online\n"
    line = next(line for line in pve.ok("pvesm", "status").out.splitlines() if line.startswith("omv"))
    assert line.split()[1:3] == ["nfs", "inactive"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("add", "nfs", "x1", "--server", "10.99.0.33"), "export: property is missing and it is not optional"),
        (("add", "dir", "x1", "--path", "/srv", "--server", "a"), "server: unexpected property 'server'"),
        (("add", "floppy", "x1"), "value 'floppy' does not have a value in the enumeration"),
        (("add", "zfspool", "x1"), "STAND-IN"),
        (("add", "dir", "x1", "--path", "/srv", "--content", "music"), "invalid content type 'music'"),
        (("set", "local", "--prune-backups", "keep-often=3"), "keep-often: property is not defined"),
        (("set", "local", "--path", "/x"), "Unknown option: path"),
        (("set", "nope", "--content", "iso"), "storage 'nope' does not exist"),
        (("remove", "nope"), "storage 'nope' does not exist"),
        (("status", "--verbose"), "Unknown option: verbose"),
    ],
)
def test_what_pvesm_refuses(pve, words, fault) -> None:
    said = pve.run("pvesm", *words)
    assert said.status == 255
    assert fault in said.err


def test_storages_are_changed_and_removed(pve, tmp_path) -> None:
    pve.ok("pvesm", "add", "dir", "big", "--path", "/srv/big", "--content", "rootdir,backup", "--nodes", "i5")
    assert get(pve, "/storage/big")["content"] == "rootdir,backup"
    assert "is not available on node 'dl380p'" in pve.run("pvesm", "list", "big").err
    pve.ok("pvesm", "set", "big", "--content", "backup", "--delete", "nodes")
    assert "nodes" not in get(pve, "/storage/big")
    pve.ok("pvesm", "remove", "big")
    assert [row["storage"] for row in get(pve, "/storage")] == ["local", "local-lvm"]


def test_a_realm_is_kept_with_its_settings_and_its_claim_is_fixed(pve) -> None:
    words = ("--issuer-url", "https://auth/x/", "--client-id", "pve", "--username-claim", "username")
    pve.ok("pveum", "realm", "add", "authentik", "--type", "openid", *words, "--autocreate", "1", "--default", "1")
    assert "openid: authentik\n\tissuer-url https://auth/x/" in (pve.node.pve / "domains.cfg").read_text()
    listed = {row["realm"]: row for row in get(pve, "/access/domains")}
    assert listed["authentik"] == {"realm": "authentik", "type": "openid", "default": 1}
    assert get(pve, "/access/domains/authentik")["autocreate"] == 1
    assert pve.run("pveum", "realm", "modify", "authentik", "--username-claim", "email").err.startswith(
        "Unknown option: username-claim"
    )
    pve.ok("pveum", "realm", "modify", "authentik", "--comment", "SSO", "--delete", "default")
    assert "already exists" in pve.run("pveum", "realm", "add", "authentik", "--type", "openid", *words).err
    assert "reserved name" in pve.run("pveum", "realm", "add", "pam", "--type", "openid", *words).err
    assert pve.run("pveum", "realm", "modify", "nope", "--comment", "x").status == 255


def test_users_groups_roles_and_access_lists_are_kept_as_in_user_cfg(pve) -> None:
    pve.ok("pveum", "role", "add", "Ops", "--privs", "VM.Backup VM.Audit")
    pve.ok("pveum", "group", "add", "ops", "--comment", "on call: all")
    pve.ok("pveum", "user", "add", "svc@pve", "--groups", "ops", "--comment", "deploys")
    pve.ok("pveum", "acl", "modify", "/vms/141", "--groups", "ops", "--roles", "Ops", "--propagate", "0")
    assert (pve.node.pve / "user.cfg").read_text().splitlines() == [
        "user:root@pam:1:0::::::",
        "user:svc@pve:1:0::::deploys::",
        "",
        "group:ops:svc@pve:on call%3A all:",
        "",
        "",
        "role:Ops:VM.Audit,VM.Backup:",
        "",
        "acl:0:/vms/141:@ops:Ops:",
    ]
    assert get(pve, "/access/acl") == [
        {"path": "/vms/141", "type": "group", "ugid": "ops", "roleid": "Ops", "propagate": 0}
    ]
    pve.ok("pveum", "acl", "delete", "/vms/141", "--groups", "ops", "--roles", "Ops")
    assert get(pve, "/access/acl") == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("role", "add", "X", "--privs", "VM.Fly"), "invalid privilege 'VM.Fly'"),
        (("role", "add", "PVEAdmin", "--privs", ""), "role 'PVEAdmin' already exists"),
        (("user", "add", "x@nope"), "domain 'nope' does not exist"),
        (("user", "add", "x"), "userid: value does not match the regex pattern"),
        (("user", "modify", "x@pve", "--comment", "y"), "no such user ('x@pve')"),
        (("user", "add", "x@pve", "--groups", "nope"), "no such group 'nope'"),
        (("acl", "modify", "/", "--roles", "PVEAdmin"), "either 'users', 'groups' or 'tokens' is required."),
        (("acl", "modify", "/", "--roles", "Nope", "--users", "root@pam"), "role 'Nope' does not exist"),
        (("acl", "modify", "/elsewhere", "--roles", "PVEAdmin", "--users", "root@pam"), "invalid ACL path"),
        (("acl", "modify", "/", "--roles", "PVEAdmin", "--groups", "nope"), "group 'nope' does not exist"),
        (("user", "token", "add", "x@pve", "tok"), "no such user ('x@pve')"),
    ],
)
def test_what_pveum_refuses(pve, words, fault) -> None:
    said = pve.run("pveum", *words)
    assert said.status == 255
    assert fault in said.err


def token(pve: Pve, *words: str) -> str:
    found = pve.ok("pveum", "user", "token", "add", "root@pam", "tok", *words, "--output-format", "json").json()
    assert found["full-tokenid"] == "root@pam!tok"
    return f"PVEAPIToken=root@pam!tok={found['value']}"


def test_a_token_opens_the_api_until_it_is_removed_or_expired(pve) -> None:
    pve.ok("pveum", "realm", "add", "sso", "--type", "openid", "--issuer-url", "https://a/", "--client-id", "x")
    header = token(pve, "--privsep", "0")
    target = f"{httpd.BASE}/access/domains/sso"
    assert httpd.answer(pve.node, "PUT", target, "client-key=a%26b", header) == (200, {"data": None})
    assert get(pve, "/access/domains/sso")["client-key"] == "a&b"
    assert httpd.answer(pve.node, "PUT", target, "client-key=x", header + "x")[0] == 401
    assert httpd.answer(pve.node, "PUT", target, "client-key=x", "")[0] == 401
    assert httpd.answer(pve.node, "PUT", target, "colour=x", header)[0] == 400
    assert httpd.answer(pve.node, "GET", f"{httpd.BASE}/nope", "", header)[0] == 501
    assert (
        pve.ok("pvesh", "get", "/access/users/root@pam/token", "--output-format", "json").json()[0]["tokenid"] == "tok"
    )
    pve.ok("pveum", "user", "token", "remove", "root@pam", "tok")
    assert httpd.answer(pve.node, "GET", target, "", header)[0] == 401
    expired = token(pve, "--privsep", "0", "--expire", "1")
    assert httpd.answer(pve.node, "GET", target, "", expired)[0] == 401


def test_a_token_with_privileges_of_its_own_has_none_at_first(pve) -> None:
    header = token(pve)
    assert httpd.answer(pve.node, "GET", f"{httpd.BASE}/nodes", "", header)[0] == 401
    pve.ok("pveum", "acl", "modify", "/", "--tokens", "root@pam!tok", "--roles", "Administrator")
    assert httpd.answer(pve.node, "GET", f"{httpd.BASE}/nodes", "", header)[0] == 200


def test_a_tokens_secret_is_nowhere_in_the_clear(pve) -> None:
    secret = token(pve).rpartition("=")[2]
    kept = "".join(path.read_text() for path in pve.node.pve.rglob("*") if path.is_file())
    assert "root@pam!tok" in kept
    assert secret not in kept


CLUSTER_FW = """[OPTIONS]
enable: 1

[ALIASES]
nas 10.99.0.33

[IPSET management]
10.99.0.0/24

[RULES]
IN SSH(ACCEPT) -source +management -log nolog
|IN ACCEPT -p tcp -dport 8006 -source 10.0.0.1-10.0.0.9
GROUP web
[group web]
IN HTTPS(ACCEPT) -dest nas
"""


def test_the_firewalls_files_are_read(pve) -> None:
    folder = pve.node.pve / "firewall"
    folder.mkdir()
    assert pve.ok("pve-firewall", "status").out == "Status: disabled/stopped"
    (folder / "cluster.fw").write_text(CLUSTER_FW)
    said = pve.ok("pve-firewall", "compile")
    assert said.err == ""
    assert "cluster: IN SSH(ACCEPT) -source +management -log nolog" in said.out
    assert pve.ok("pve-firewall", "status").out == "Status: enabled/stopped"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("IN SSH(ACCEPT) -source +nobody", "no such ipset 'nobody'"),
        ("IN Nonsense(ACCEPT)", "unknown macro 'Nonsense'"),
        ("IN ACCEPT -dport 22", "proto: missing property"),
        ("IN ACCEPT -source 10.0.0.300", "invalid address"),
        ("IN ACCEPT -log loudly", "invalid log level"),
        ("SIDEWAYS ACCEPT", "unable to parse rule parameters"),
        ("GROUP nope", "security group does not exist"),
    ],
)
def test_faulty_lines_are_warned_of_and_left_out(pve, line, fault) -> None:
    folder = pve.node.pve / "firewall"
    folder.mkdir()
    (folder / "141.fw").write_text(f"[OPTIONS]\nenable: 1\n[RULES]\nIN Ping(ACCEPT)\n{line}\n")
    said = pve.ok("pve-firewall", "compile")
    assert said.err.startswith("/etc/pve/firewall/141.fw (line 5) - ")
    assert fault in said.err
    assert "141: IN Ping(ACCEPT)" in said.out
    assert line not in said.out


def test_pvesh_and_pct_share_their_rules(pve) -> None:
    pve.with_template()
    words = ("--vmid", "141", "--ostemplate", OSTEMPLATE, "--rootfs", "local-lvm:8", "--net0", NET0)
    said = pve.ok("pvesh", "create", "/nodes/dl380p/lxc", *words, "--output-format", "json")
    assert json.loads(said.out.splitlines()[-1]).startswith("UPID:dl380p:")
    assert pve.run("pvesh", "create", "/nodes/dl380p/lxc", *words, "--memory", "1").status == 255
