"""`pct` as the facts document it (facts/homelab-vps.md §1.2)."""

import re

import pytest
from pve_stand_in import NET0, OSTEMPLATE, Pve


@pytest.fixture
def pve(tmp_path) -> Pve:
    return Pve(tmp_path).with_template()


@pytest.fixture
def made(pve) -> Pve:
    assert pve.create().status == 0
    return pve


def conf(pve: Pve, vmid: int = 141) -> str:
    return (pve.node.pve / f"nodes/dl380p/lxc/{vmid}.conf").read_text()


def test_list_prints_nothing_at_all_without_containers(pve) -> None:
    assert pve.ok("pct", "list").out == ""


def test_list_has_an_empty_lock_column(made) -> None:
    assert made.ok("pct", "list").out.splitlines() == [
        "VMID       Status     Lock         Name                ",
        "141        stopped                 postgres            ",
    ]
    made.ok("pct", "set", "141", "--lock", "backup")
    assert made.ok("pct", "list").out.splitlines()[1].split() == ["141", "stopped", "backup", "postgres"]


def test_create_writes_normalised_values(made) -> None:
    lines = dict(line.split(": ", 1) for line in conf(made).splitlines())
    assert re.fullmatch(
        r"name=eth0,bridge=vmbr0,gw=10\.99\.0\.1,hwaddr=BC:24:11(:[0-9A-F]{2}){3},ip=10\.99\.0\.41/24,type=veth",
        lines.pop("net0"),
    )
    assert lines == {
        "arch": "amd64",
        "cores": "2",
        "hostname": "postgres",
        "memory": "4096",
        "ostype": "debian",
        "rootfs": "local-lvm:vm-141-disk-0,size=20G",
        "swap": "512",
        "unprivileged": "1",
    }


def test_config_is_sorted_hides_the_digest_and_encodes_the_description(made) -> None:
    made.ok("pct", "set", "141", "--description", "shared: 100%\nPostgres", "--tags", "b;a")
    lines = made.ok("pct", "config", "141").out.splitlines()
    assert lines == sorted(lines)
    assert "description: shared%3A 100%25%0APostgres%0A" in lines
    assert "tags: a;b" in lines
    assert not [line for line in lines if line.startswith("digest")]
    assert conf(made).startswith("#shared%3A 100%25\n#Postgres\n")


def test_raw_lxc_lines_come_last(made) -> None:
    path = made.node.pve / "nodes/dl380p/lxc/141.conf"
    path.write_text(path.read_text() + "lxc.cap.drop: sys_time\n")
    assert made.ok("pct", "config", "141").out.splitlines()[-1] == "lxc.cap.drop: sys_time"


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("--net0", "name=eth0,bridge=vmbr0,ip=10.99.0.41", "net0: invalid format - format error\nip: "),
        ("--net0", "name=eth0,gw=10.0.0.1/24", "net0: invalid format - format error\ngw: "),
        ("--net0", "bridge=vmbr0", "name: property is missing and it is not optional"),
        ("--net0", "name=eth0,vlan=3", "vlan: property is not defined in schema"),
        ("--features", "nesting=1,docker=1", "docker: property is not defined in schema"),
        ("--features", "nesting=maybe", "type check ('boolean') failed - got 'maybe'"),
        ("--memory", "8", "memory: value must have a minimum value of 16"),
        ("--cores", "two", "cores: type check ('integer') failed - got 'two'"),
        ("--ostype", "slackware", "ostype: value 'slackware' does not have a value in the enumeration"),
        ("--hostname", "a_b", "hostname: value does not match the regex pattern"),
    ],
)
def test_parameters_that_do_not_fit(pve, option, value, fault) -> None:
    said = pve.run("pct", "create", "141", OSTEMPLATE, option, value)
    assert said.status == 255
    assert said.err.startswith("400 Parameter verification failed.\n")
    assert fault in said.err
    assert "pct create <vmid> <ostemplate> [OPTIONS]" in said.err


def test_unknown_arguments_are_errors(pve) -> None:
    said = pve.run("pct", "create", "141", OSTEMPLATE, "--disk", "8")
    assert (said.status, said.err.splitlines()[:2]) == (255, ["Unknown option: disk", "400 unable to parse option"])
    assert pve.run("pct", "start").err.startswith("400 not enough arguments")
    assert pve.run("pct", "start", "141", "now").err.startswith("400 too many arguments")
    assert pve.run("pct", "explode", "141").err.startswith("ERROR: unknown command 'pct explode'")


def test_arguments_may_be_written_in_getopts_ways(pve) -> None:
    words = ["--rootfs=local-lvm:8", "-hostname", "x", "--onboot"]
    assert pve.run("pct", "create", "141", OSTEMPLATE, *words, "--memory", "64").status == 0
    assert {"hostname: x", "onboot: 1", "memory: 64"} <= set(conf(pve).splitlines())


def test_a_vmid_that_exists_anywhere_in_the_cluster_is_refused(made) -> None:
    other = made.node.pve / "nodes/i5/lxc/142.conf"
    other.parent.mkdir(parents=True)
    other.write_text("hostname: x\n")
    assert "CT 141 already exists on node 'dl380p'" in made.create().err
    assert made.create(142).err == "unable to create CT 142 - CT 142 already exists on node 'i5'\n"


def test_a_wrong_template_is_refused_and_leaves_nothing(pve) -> None:
    said = pve.run("pct", "create", "141", "local:vztmpl/nope.tar.zst", "--rootfs", "local-lvm:8")
    assert (said.status, said.err) == (255, "volume 'local:vztmpl/nope.tar.zst' does not exist\n")
    assert pve.ok("pct", "list").out == ""


def test_nothing_stays_of_a_container_whose_disk_is_full(pve) -> None:
    pve.backend.fail_unpack = True
    said = pve.create()
    assert said.status == 255
    assert said.err.startswith("unable to create CT 141 - ")
    assert pve.ok("pct", "list").out == ""
    assert pve.ok("pvesm", "list", "local-lvm").out.splitlines()[1:] == []


def test_a_full_pool_refuses(pve) -> None:
    assert "insufficient free space" in pve.create(rootfs="local-lvm:600").err


def test_a_storage_without_rootdir_refuses(pve) -> None:
    assert pve.create(rootfs="local:8").err == (
        "unable to create CT 141 - storage 'local' does not support CT rootdirs\n"
    )


def test_keys_and_names_are_written_into_the_root(pve, tmp_path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("ssh-ed25519 AAAA me\n")
    assert pve.create(ssh_public_keys=str(keys), searchdomain="home.arpa").status == 0
    pve.ok("pct", "start", "141")
    root = pve.backend.root(141)
    assert (root / "root/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA me\n"
    assert (root / "etc/hostname").read_text() == "postgres\n"
    assert "10.99.0.41 postgres.home.arpa postgres\n" in (root / "etc/hosts").read_text()
    assert (root / "etc/resolv.conf").read_text().splitlines()[1:3] == ["search home.arpa", "nameserver 10.99.0.6"]
    assert (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().startswith("ssh-ed25519 ")


def test_start_stop_and_status(made) -> None:
    assert made.ok("pct", "status", "141").out == "status: stopped"
    made.ok("pct", "start", "141")
    assert made.ok("pct", "status", "141").out == "status: running"
    assert made.run("pct", "start", "141").err == "CT 141 already running\n"
    made.ok("pct", "shutdown", "141")
    assert made.run("pct", "stop", "141").err == "CT 141 not running\n"


def test_a_shutdown_that_takes_too_long_fails_unless_it_is_forced(made) -> None:
    made.ok("pct", "start", "141")
    made.backend.ignores_shutdown = True
    assert made.run("pct", "shutdown", "141", "--timeout", "1").status == 255
    made.ok("pct", "shutdown", "141", "--timeout", "1", "--forceStop", "1")
    assert made.ok("pct", "status", "141").out == "status: stopped"


def test_it_is_started_with_its_limits_address_and_features(pve) -> None:
    assert pve.create(features="nesting=1,keyctl=1").status == 0
    pve.ok("pct", "start", "141")
    limits = pve.backend.running[141]
    assert (limits.memory, limits.swap, limits.cores) == (4096 * 1024**2, 512 * 1024**2, 2.0)
    config = pve.backend.configs[141]
    assert "lxc.net.0.ipv4.address = 10.99.0.41/24" in config
    assert "lxc.idmap = u 0 100000 65536" in config
    assert "proc dev/.lxc/proc" in config
    assert "no-keyctl" not in config


def test_a_container_of_another_node_is_not_seen(made) -> None:
    said = made.run("pct", "config", "142")
    assert (said.status, said.err) == (2, "Configuration file 'nodes/dl380p/lxc/142.conf' does not exist\n")


def test_cores_and_memory_of_a_running_container_change_at_once(made) -> None:
    made.ok("pct", "start", "141")
    made.ok("pct", "set", "141", "--memory", "2048", "--cores", "1")
    limits = made.backend.running[141]
    assert (limits.memory, limits.cores) == (2048 * 1024**2, 1.0)
    assert "memory: 2048" in made.ok("pct", "config", "141", "--current", "1").out


def test_what_needs_a_restart_is_pending_until_then(made) -> None:
    made.ok("pct", "start", "141")
    made.ok("pct", "set", "141", "--features", "nesting=1", "--onboot", "1")
    current = made.ok("pct", "config", "141", "--current", "1").out.splitlines()
    assert "onboot: 1" in current
    assert "features: nesting=1" not in current
    assert "features: nesting=1" in made.ok("pct", "config", "141").out.splitlines()
    assert "[pve:pending]\nfeatures: nesting=1\n" in conf(made)
    made.ok("pct", "reboot", "141")
    assert "features: nesting=1" in made.ok("pct", "config", "141", "--current", "1").out.splitlines()
    assert "pending" not in conf(made)


def test_an_address_is_moved_in_the_running_container_and_the_hardware_address_stays(made) -> None:
    before = re.search(r"hwaddr=[^,]+", conf(made))
    made.ok("pct", "start", "141")
    made.ok("pct", "set", "141", "--net0", NET0.replace(".41/", ".49/"))
    assert before
    assert before[0] in conf(made)
    script = made.backend.attached[-1][1][2]
    assert "ip addr add 10.99.0.49/24 dev eth0" in script


def test_a_new_mount_point_is_plugged_in(made, tmp_path) -> None:
    (tmp_path / "srv").mkdir()
    made.ok("pct", "start", "141")
    made.ok("pct", "set", "141", "--mp0", "/srv,mp=/data")
    assert made.backend.plugged == ["/data"]
    assert "mp0: /srv,mp=/data" in made.ok("pct", "config", "141", "--current", "1").out


def test_settings_are_deleted_and_required_ones_are_not(made) -> None:
    made.ok("pct", "set", "141", "--delete", "cores")
    assert "cores" not in conf(made)
    assert made.run("pct", "set", "141", "--delete", "memory").err == "unable to delete required option 'memory'\n"
    assert made.run("pct", "set", "141", "--unprivileged", "0").err == (
        "unable to modify read-only option: 'unprivileged'\n"
    )


def test_a_wrong_digest_changes_nothing(made) -> None:
    before = conf(made)
    assert made.run("pct", "set", "141", "--memory", "64", "--digest", "0" * 40).status == 255
    assert conf(made) == before


def test_a_disk_grows_and_never_shrinks(made) -> None:
    made.ok("pct", "resize", "141", "rootfs", "+5G")
    assert "rootfs: local-lvm:vm-141-disk-0,size=25G" in conf(made)
    made.ok("pct", "resize", "141", "rootfs", "30G")
    assert made.run("pct", "resize", "141", "rootfs", "20G").err == "unable to shrink disk size\n"
    assert made.run("pct", "resize", "141", "rootfs", "30G").err == "disk is already at specified size\n"
    assert made.run("pct", "resize", "141", "rootfs", "-5G").status == 255


def test_a_locked_container_is_left_alone(made) -> None:
    made.ok("pct", "set", "141", "--lock", "backup")
    for words in (("start", "141"), ("set", "141", "--memory", "64"), ("snapshot", "141", "one"), ("destroy", "141")):
        assert made.run("pct", *words).err == "CT is locked (backup)\n", words
    made.ok("pct", "unlock", "141")
    made.ok("pct", "start", "141")


def test_destroy_refuses_the_running_and_the_protected(made) -> None:
    made.ok("pct", "start", "141")
    assert made.run("pct", "destroy", "141").err == "unable to destroy CT 141 - container is running\n"
    made.ok("pct", "set", "141", "--protection", "1")
    made.ok("pct", "stop", "141")
    assert made.run("pct", "destroy", "141").err == "can't remove CT 141 - protection mode enabled\n"
    made.ok("pct", "set", "141", "--protection", "0")
    (made.node.pve / "firewall").mkdir()
    (made.node.pve / "firewall/141.fw").write_text("[OPTIONS]\n")
    made.ok("pct", "destroy", "141", "--purge", "1")
    assert made.ok("pct", "list").out == ""
    assert made.ok("pvesm", "list", "local-lvm").out.splitlines()[1:] == []
    assert not (made.node.pve / "firewall/141.fw").exists()


def test_exec_runs_in_the_container_with_the_callers_environment_by_default(made) -> None:
    assert made.run("pct", "exec", "141", "--", "true").err == "container '141' not running!\n"
    made.ok("pct", "start", "141")
    made.ok("pct", "exec", "141", "--keep-env", "0", "--", "echo", "--x")
    made.ok("pct", "exec", "141", "--", "id")
    assert made.backend.attached == [(141, ["echo", "--x"], False), (141, ["id"], True)]
    assert made.run("pct", "exec", "141", "--", "false").status == 1
    assert made.run("pct", "exec", "141", "--env", "x", "--", "id").status == 255


def test_push_needs_a_running_container(made, tmp_path) -> None:
    (tmp_path / "f").write_text("x")
    assert made.run("pct", "push", "141", str(tmp_path / "f"), "/f").err == "can only push files to a running CT\n"
    made.ok("pct", "start", "141")
    made.ok("pct", "push", "141", str(tmp_path / "f"), "/etc/f", "--user", "70", "--perms", "0640")
    assert made.backend.attached[-1][1][2:] == ["/etc/f", "0640", "70"]


def test_snapshots_are_sections_of_the_configuration(made) -> None:
    made.ok("pct", "snapshot", "141", "one", "--description", "before: all")
    assert re.search(r"\nparent: one\n", conf(made))
    assert "\n[one]\n#before%3A all\n" in conf(made)
    assert re.search(r"\nsnaptime: \d+\n", conf(made))
    made.ok("pct", "set", "141", "--memory", "64")
    assert "memory: 4096" in made.ok("pct", "config", "141", "--snapshot", "one").out
    assert made.run("pct", "snapshot", "141", "one").err == "snapshot name 'one' already used\n"
    made.ok("pct", "rollback", "141", "one")
    assert "memory: 4096" in made.ok("pct", "config", "141").out
    tree = made.ok("pct", "listsnapshot", "141").out.splitlines()
    assert tree[0].startswith("`-> one ")
    assert tree[1].startswith("  `-> current ")
    made.ok("pct", "delsnapshot", "141", "one")
    assert "[one]" not in conf(made)


def test_a_bind_mount_prevents_snapshots(made, tmp_path) -> None:
    (tmp_path / "srv").mkdir()
    made.ok("pct", "set", "141", "--mp0", "/srv,mp=/data")
    assert made.run("pct", "snapshot", "141", "one").err == "snapshot feature is not available\n"


def test_a_raw_image_on_a_directory_storage_has_no_snapshots(pve) -> None:
    pve.ok("pvesm", "set", "local", "--content", "rootdir,vztmpl,backup")
    assert pve.create(rootfs="local:8").status == 0
    assert "rootfs: local:141/vm-141-disk-0.raw,size=8G" in conf(pve)
    assert pve.run("pct", "snapshot", "141", "one").err == "snapshot feature is not available\n"


def test_a_running_container_moves_by_a_restart_only(made) -> None:
    made.ok("pct", "start", "141")
    assert made.run("pct", "migrate", "141", "i5").err == (
        "can't migrate running container without --online or --restart\n"
    )
    made.ok("pct", "migrate", "141", "i5", "--restart", "1")
    assert [words for _, words in made.backend.remotes] == [
        ["/bin/true"],
        ["/usr/sbin/pvesm", "import", "local-lvm:vm-141-disk-0", "tar+size", "-", "<vm-141-disk-0"],
        ["/usr/sbin/pct", "start", "141"],
    ]
    assert (made.node.pve / "nodes/i5/lxc/141.conf").exists()
    assert made.ok("pct", "list").out == ""


def test_a_move_that_fails_starts_the_container_again_where_it_was(made) -> None:
    made.ok("pct", "start", "141")
    made.backend.remote_status = 255
    said = made.run("pct", "migrate", "141", "i5", "--restart", "1")
    assert (said.status, said.err) == (255, "Can't connect to destination address using public key\n")
    assert made.ok("pct", "status", "141").out == "status: running"
    assert "lock" not in conf(made)
    assert made.run("pct", "migrate", "141", "nowhere").err == "no such cluster node 'nowhere'\n"


def test_every_tool_says_that_it_is_a_stand_in(pve, capsys) -> None:
    for tool in ("pct", "pvesh", "pveam", "pvesm", "pveum", "pvecm", "vzdump", "pve-firewall"):
        assert pve.run(tool, "--version").status == 0
        assert "STAND-IN" in capsys.readouterr().out, tool
