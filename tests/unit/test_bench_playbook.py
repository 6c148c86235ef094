import factories
import pytest
import yaml

from estate.models.desired import Account, Desired, Directory, File, Handler, Tree, Unit
from lab.bench.ansible import Recap, executions, recaps
from lab.bench.cold import reset_script
from lab.bench.playbook import playbook


def base(motd: bytes = b"hello\n", packages: tuple[str, ...] = ("curl", "sudo")) -> Desired:
    return Desired(
        task="base",
        packages=packages,
        accounts=(Account("ops", groups=("sudo",)), Account("prodg", 1000, 1000, "/usr/sbin/nologin")),
        tree=Tree((Directory("/etc/x", mode=0o700), File("/etc/x/motd", motd, mode=0o640, group="adm"))),
        units=(Unit("ssh.service"), Unit("old.timer", running=False), Unit("systemd-timesyncd.service")),
        handlers=(Handler("motd", "apply-motd", "d1", ("/etc/x/motd",)),),
    )


STACK = Desired(task="docker_stack", tree=Tree((File("/opt/prodg/compose/.env", b"A=1\n", mode=0o600),)))


@pytest.fixture
def book():
    hosts = {"one": {"base": base(), "docker_stack": STACK}, "two": {"base": base(b"bye\n")}}
    return playbook(hosts, {"one": factories.stack()})


def find(play, name):
    return next(task for task in play["tasks"] if task["name"] == name)


def test_what_every_host_has_is_one_play_that_runs_on_all_at_once(book):
    assert [(play["name"], play["hosts"]) for play in book.plays] == [("Every host", "all"), ("one", "one")]


@pytest.mark.parametrize(
    ("name", "module", "arguments"),
    [
        ("Install curl, sudo", "apt", {"name": ["curl", "sudo"], "state": "present"}),
        ("Create account ops", "user", {"name": "ops", "shell": "/bin/bash", "groups": ["sudo"], "append": True}),
        ("Create group prodg", "group", {"name": "prodg", "gid": 1000}),
        (
            "Create account prodg",
            "user",
            {"name": "prodg", "shell": "/usr/sbin/nologin", "group": "prodg", "uid": 1000},
        ),
        (
            "Create /etc/x",
            "file",
            {"path": "/etc/x", "state": "directory", "mode": "0700", "owner": "root", "group": "root"},
        ),
        (
            "Write /etc/x/motd",
            "copy",
            {
                "src": "files/{{ inventory_hostname }}/etc/x/motd",
                "dest": "/etc/x/motd",
                "mode": "0640",
                "owner": "root",
                "group": "adm",
            },
        ),
        ("Manage ssh.service", "systemd_service", {"name": "ssh.service", "enabled": True, "state": "started"}),
        ("Manage old.timer", "systemd_service", {"name": "old.timer", "enabled": False, "state": "stopped"}),
        (
            "Manage systemd-timesyncd.service",
            "systemd_service",
            {"name": "systemd-timesyncd.service", "enabled": True},
        ),
    ],
)
def test_each_part_becomes_the_module_that_one_would_write_by_hand(book, name, module, arguments):
    assert find(book.plays[0], name)[f"ansible.builtin.{module}"] == arguments


def test_each_host_copies_its_own_content(book):
    assert book.files["files/one/etc/x/motd"] == b"hello\n"
    assert book.files["files/two/etc/x/motd"] == b"bye\n"


def test_a_file_notifies_the_handlers_that_apply_it(book):
    assert find(book.plays[0], "Write /etc/x/motd")["notify"] == ["motd"]
    assert book.plays[0]["handlers"] == [{"name": "motd", "ansible.builtin.shell": {"cmd": "apply-motd"}}]


def test_what_some_hosts_have_is_done_only_there():
    book = playbook({"one": {"base": base()}, "two": {"base": base(packages=("gpg",))}}, {})
    assert find(book.plays[0], "Install gpg")["when"] == "inventory_hostname in ['two']"
    assert "when" not in find(book.plays[0], "Create /etc/x")


def test_compose_comes_last_on_the_host_with_the_stack(book):
    task = book.plays[1]["tasks"][-1]
    assert task["ansible.builtin.command"]["argv"][-3:] == ["up", "--detach", "--wait"]
    assert task["ansible.builtin.command"]["chdir"] == "/opt/prodg/compose"


def test_no_secret_is_in_the_playbook_itself(book):
    assert "A=1" not in yaml.safe_dump(book.plays)


def test_the_recap_is_read_and_unreachable_is_failed():
    text = """
PLAY RECAP *********
mainframe                  : ok=95   changed=1    unreachable=0    failed=0    skipped=2    rescued=0    ignored=0
vps                        : ok=0    changed=0    unreachable=1    failed=0    skipped=0    rescued=0    ignored=0
"""
    assert recaps(text) == {"mainframe": Recap(95, 1, 0), "vps": Recap(0, 0, 1)}


def test_executions_are_counted_by_host():
    text = "<a> ESTABLISH\n<a> SSH: EXEC ssh -F x\n<b> SSH: EXEC sftp -b\n<a> SSH: EXEC ssh -F x\nSSH: EXEC\n"
    assert executions(text) == {"a": 2, "b": 1}


def test_a_reset_forgets_the_deploy_but_leaves_the_way_in_and_the_images():
    keys = File("/home/ops/.ssh/authorized_keys", b"")
    script = reset_script(factories.stack(), {"base": Desired("base", tree=Tree((keys, File("/etc/x", b""))))})
    assert "rm -f /etc/x\n" in script
    assert "authorized_keys" not in script
    assert "rm -rf /opt/prodg /var/lib/estate\n" in script
    assert "image" not in script
