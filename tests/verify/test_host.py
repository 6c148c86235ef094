"""Every host: accounts, sshd, kernel settings, units, files, and what can be seen from outside."""

from estate.models.desired import File
from estate.render.firewall import published_ports
from estate.verify.expected import sshd_settings, words
from estate.verify.outside import COMMON_PORTS, open_ports

SSHD = "/etc/ssh/sshd_config.d/10-estate.conf"


def test_users_exist_as_declared(node, seen):
    accounts = {line.split(":")[0]: line.split(":") for line in seen.lines("passwd")}
    for user in node.host.users:
        assert user.name in accounts
        entry = accounts[user.name]
        assert entry[6] == user.shell
        assert user.uid is None or int(entry[2]) == user.uid
        assert user.gid is None or int(entry[3]) == user.gid


def test_admins_have_exactly_the_declared_keys(node, seen):
    for user in node.host.admins:
        assert sorted(seen.lines(f"keys {user.name}")) == sorted(node.host.admin_keys)
        assert "sudo" in seen.text(f"groups {user.name}").split()


def test_nobody_else_can_log_in_with_a_key(node, seen):
    allowed = {f"/home/{user.name}/.ssh/authorized_keys" for user in node.host.admins}
    if node.host.allow_root:
        allowed.add("/root/.ssh/authorized_keys")
    assert set(seen.lines("key-files")) <= allowed


def test_sshd_runs_the_declared_configuration(node, seen):
    declared = sshd_settings(node.file(SSHD).decode())
    live = seen.sshd()
    assert {key: words(live.get(key, "")) for key in declared} == declared


def test_the_running_sshd_takes_keys_only(node, seen):
    """Asked over a connection of its own: a reload that failed leaves the files right and the process wrong."""
    assert seen.lines("sshd offers") == ["publickey"]


def test_kernel_settings_are_live(node, seen):
    live = {key: values[0] for key, values in seen.rows("sysctl").items()}
    assert {key: live.get(key) for key in node.host.sysctl} == dict(node.host.sysctl)


def test_units_are_as_declared(node, seen):
    rows = seen.rows("units")
    for task in node.tasks.values():
        for unit in task.units:
            enabled, state = rows[unit.name][0], rows[unit.name][1].split()
            if unit.running:
                assert enabled in ("enabled", "static", "alias", "indirect", "generated"), unit.name
                # "no": the unit's own conditions say that it has nothing to do on this machine
                assert state[0] == "active" or "no" in state, f"{unit.name} is {state[0]}"
            else:
                assert (enabled, state[0]) != ("enabled", "active"), unit.name


def test_the_journal_is_bounded(node, seen):
    assert seen.journald().get("SystemMaxUse") == str(node.host.journal_max)


def test_the_firewall_table_is_loaded(node, seen):
    if "firewall" in node.tasks:
        assert seen.lines("nft")[:1] == ["table inet estate {"]


def test_only_declared_ports_answer_from_outside(node):
    """sshd is known to answer: the probe came through it, and idle connections count against us there."""
    declared = {p.port for p in node.host.open_ports if p.protocol == "tcp" and p.source is None}
    for_clients = {p.port for p in published_ports(node.stack) if p.clients}
    published = {p.port for p in published_ports(node.stack) if p.protocol == "tcp"} - for_clients
    containers = node.stack.containers if node.stack else ()
    services = {s.port for s in containers if s.port} | {s.metrics.port for s in containers if s.metrics}
    answering = open_ports(node.host.address, {*COMMON_PORTS, *declared, *published, *services} - {node.host.sshd_port})
    assert answering - declared - published == set(), "ports answer that nobody declared"
    assert published <= answering, "published ports do not answer"


def test_files_and_directories_have_the_declared_owner_and_mode(node, seen):
    rows = seen.rows("paths")
    wrong = []
    for item in node.tree:
        if item.path not in rows:
            wrong.append(f"{item.path} is missing")
            continue
        mode, uid, gid, user, group = rows[item.path]
        if int(mode, 8) != item.mode or item.owner not in (uid, user) or item.group not in (gid, group):
            wrong.append(f"{item.path} is {mode} {user}:{group}")
    assert wrong == []


def test_data_directories_belong_to_the_user_of_their_service(node, seen):
    rows = seen.rows("paths")
    wrong = []
    for service in node.stack.containers if node.stack else ():
        for data in service.data:
            owner = rows.get(f"{node.stack.data_dir}/{data.path}", ["", "", ""])[1:3]
            if ":".join(owner) != (data.owner or service.user):
                wrong.append(f"{data.path} of {service.name} belongs to {':'.join(owner)}")
    assert wrong == []


def test_files_with_secrets_are_closed_to_others(node, seen):
    rows = seen.rows("paths")
    secret = [item.path for item in node.tree if isinstance(item, File) and item.mask]
    assert [path for path in secret if path not in rows or int(rows[path][0], 8) & 0o077] == []
