"""What a node's configuration promises, as text and, where Nix is there, as what it evaluates to."""

import json
import re

import pytest
from edge_fleet import ADMIN_KEY, CACHE, GLASS_KEY, NODES, host, hub, keys, laptop, mesh, public_key, spoke

from estate.checks.nix import EVALUATE, LAYOUT, PARSE, check_nodes, evaluate, missing_tools, nixpkgs_path
from estate.edge.keys import Keys
from estate.edge.plans import plan_of
from estate.models.edge import BreakGlass, Offsite
from estate.render.nixos import GENERATION, Overrides, bridge_files, digest, modules_of, nixos_tree

MISSING = missing_tools(nixpkgs_path())
needs_nix = pytest.mark.skipif(PARSE in MISSING, reason="nix-instantiate is not installed (Debian: nix-bin)")
needs_options = pytest.mark.skipif(
    EVALUATE in MISSING,
    reason="no nix-instantiate, or neither lab/nixpkgs nor NIXPKGS",
)
needs_nixfmt = pytest.mark.skipif(LAYOUT in MISSING, reason="nixfmt is not installed")


def tree(name="tokyo", fleet=None, pinned=None, machine=None, **options):
    fleet = fleet or mesh()
    files = nixos_tree(machine or host(name), fleet, fleet.node(name), pinned or keys(fleet), **options)
    return {file.path.removeprefix("/etc/nixos/"): file for file in files}


def write(to, files):
    for name, file in files.items():
        path = to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    return to


@pytest.fixture(scope="module")
def summaries(tmp_path_factory):
    """What every node of the fleet evaluates to."""
    found = {}
    for node in NODES:
        directory = write(tmp_path_factory.mktemp(node.name), tree(node.name))
        found[node.name] = evaluate(directory, nixpkgs_path())
    return found


def one(tmp_path, *arguments, **options):
    """What one node evaluates to."""
    return evaluate(write(tmp_path, tree(*arguments, **options)), nixpkgs_path())


def text(files):
    return b"".join(file.content for file in files.values()).decode()


# the files


def test_a_role_has_only_its_own_modules():
    assert "modules/wireguard-spoke.nix" in tree("tokyo")
    assert not {"modules/wireguard-hub.nix", "modules/depot.nix", "modules/bridge.nix"} & tree("tokyo").keys()
    assert {"modules/wireguard-hub.nix", "modules/depot.nix", "modules/kuma.nix"} <= tree("zurich").keys()
    assert "modules/wireguard-spoke.nix" not in tree("zurich")


def test_only_a_small_machine_has_swap_modules():
    assert {node.name for node in NODES if "small.nix" in modules_of(mesh(), node)} == {
        node.name for node in NODES if plan_of(node).memory <= 1024
    }


def test_every_file_that_a_module_names_is_there():
    for name in ("tokyo", "zurich"):
        files = tree(name, first_boot=True)
        for path, file in files.items():
            folder = path.rpartition("/")[0]
            for found in re.findall(r"(?<![\w.])\./[\w./-]+\.(?:nix|sh)", file.content.decode()):
                assert f"{folder}/{found[2:]}".lstrip("/") in files, f"{path} names {found}"


def test_every_value_that_a_module_reads_is_written():
    for name in ("tokyo", "zurich"):
        files = tree(name, first_boot=True)
        written = set(re.findall(r"^  (\w+) = ", files["estate.nix"].content.decode(), re.MULTILINE))
        read = {word for path, file in files.items() for word in re.findall(r"estate\.(\w+)", file.content.decode())}
        # ../estate.nix itself, and "estate.nix" in a sentence
        assert read - {"nix"} == written - ({"node"} if name != "zurich" else set())


def test_rendering_is_the_same_each_time():
    assert tree("zurich") == tree("zurich")
    backwards = Keys(dict(reversed(keys().nodes.items())), {}, CACHE)
    assert tree("zurich", pinned=backwards) == tree("zurich")


def test_the_digest_is_over_everything_but_itself():
    files = tree()
    found = digest(files.values())
    assert found in files[GENERATION].content.decode()
    assert digest(file for path, file in files.items() if path != GENERATION) == found
    assert found not in text({path: file for path, file in files.items() if path != GENERATION})


def test_the_digest_changes_with_what_is_declared():
    digests = {
        digest(tree().values()),
        digest(tree(fleet=mesh(keepalive=26)).values()),
        digest(tree(fleet=mesh(operators=())).values()),
        digest(tree(pinned=keys().with_cache(CACHE.replace("1:", "2:"))).values()),
        digest(tree(first_boot=True).values()),
        digest(tree(overrides=Overrides(nameservers=("192.0.2.53",))).values()),
    }
    assert len(digests) == 6


def test_a_new_release_of_clavitor_is_no_new_generation():
    release = mesh().release.model_copy(update={"version": "2.0.0", "sha256": "1" * 64})
    assert tree(fleet=mesh(release=release)) == tree()


def test_adding_a_node_changes_the_hub_and_no_other_node():
    more = mesh(nodes=(*NODES, spoke("late", 9)))
    changed = {node.name for node in NODES if tree(node.name, fleet=more) != tree(node.name)}
    assert changed == {"zurich"}
    assert public_key("late") in text(tree("zurich", fleet=more))


def test_removing_a_node_leaves_nothing_of_it():
    less = mesh(nodes=tuple(node for node in NODES if node.name != "dubai"))
    assert {node.name for node in less.nodes if tree(node.name, fleet=less) != tree(node.name)} == {"zurich"}
    assert "dubai" not in text(tree("zurich", fleet=less))


def test_a_new_key_of_a_spoke_changes_the_hub_alone():
    pinned = keys().with_following("tokyo", public_key("tokyo 2"))
    assert {node.name for node in NODES if tree(node.name, pinned=pinned) != tree(node.name)} == {"zurich"}


def test_no_listen_address_and_no_private_key_is_in_a_configuration():
    for name in ("tokyo", "zurich"):
        whole = text(tree(name))
        assert "listenAddresses =" not in whole
        assert "privateKey =" not in whole
        assert "generatePrivateKeyFile = true" in whole


def test_the_modules_fit_a_terminal_and_end_with_a_newline():
    for name in ("tokyo", "zurich"):
        for path, file in tree(name, first_boot=True).items():
            assert file.content.endswith(b"\n"), path
            if path.startswith("modules/") and "push_bridge" not in path:
                assert max(len(line) for line in file.content.decode().splitlines()) <= 120, path


# Nix


@needs_nix
def test_nix_parses_every_file(tmp_path):
    directories = {node.name: write(tmp_path / node.name, tree(node.name, first_boot=True)) for node in NODES}
    report = check_nodes(directories)
    assert [fault for fault in report.faults if fault.path.startswith(f"{PARSE} ")] == []
    assert report.read[PARSE] > 15


@needs_nixfmt
def test_nixfmt_would_change_nothing(tmp_path):
    report = check_nodes({name: write(tmp_path / name, tree(name, first_boot=True)) for name in ("tokyo", "zurich")})
    assert [fault for fault in report.faults if fault.path.startswith(f"{LAYOUT} ")] == []


@needs_nix
def test_what_is_not_nix_is_a_fault_with_its_path(tmp_path):
    files = tree()
    directory = write(tmp_path, files)
    (directory / "modules" / "ssh.nix").write_text("{ services.openssh.enable = ; }\n")
    report = check_nodes({"tokyo": directory})
    assert f"{PARSE} tokyo/etc/nixos/modules/ssh.nix" in [fault.path for fault in report.faults]
    assert not any(str(tmp_path) in str(fault) for fault in report.faults)


@needs_options
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("networking.firewall.allowTCPPorts = [ 22 ];", "networking.firewall.allowTCPPorts"),
        ('networking.firewall.allowedTCPPorts = [ "22" ];', "networking.firewall.allowedTCPPorts"),
        ('assertions = [ { assertion = false; message = "no way"; } ];', "no way"),
    ],
)
def test_a_wrong_option_a_wrong_type_and_an_assertion_are_faults(tmp_path, line, says):
    directory = write(tmp_path, tree())
    (directory / GENERATION).write_text(f"{{ {line} }}\n")
    faults = check_nodes({"tokyo": directory}).faults
    assert any(fault.path.startswith(EVALUATE) and says in fault.fault for fault in faults), faults


# what the configurations evaluate to


@needs_options
@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_only_http_and_the_hubs_wireguard_are_public(summaries, node):
    firewall = summaries[node.name]["firewall"]
    assert firewall["enable"]
    assert firewall["nftables"]
    assert sorted(firewall["allowedTCPPorts"]) == [80, 443]
    assert firewall["allowedUDPPorts"] == ([51820] if node.role == "hub" else [])
    assert firewall["interfaces"].keys() == {"wg0"}
    assert firewall["extraInputRules"] == ""


@needs_options
@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_sshd_answers_on_the_mesh_only_and_to_keys_only(summaries, node):
    found = summaries[node.name]
    ssh = found["ssh"]
    assert ssh["enable"]
    assert ssh["openFirewall"] is False
    assert ssh["authorizedKeysInHomedir"] is False
    assert 22 in found["firewall"]["interfaces"]["wg0"]["allowedTCPPorts"]
    assert ssh["settings"]["PasswordAuthentication"] is False
    assert ssh["settings"]["KbdInteractiveAuthentication"] is False
    assert ssh["settings"]["PermitRootLogin"] == "no"
    assert ssh["settings"]["AllowUsers"] == ["mitch"]
    assert "curve25519-sha256" in ssh["settings"]["KexAlgorithms"]
    unit = found["units"]["sshd.service"]
    assert "StartLimitIntervalSec=0" in unit
    assert "RestartSec=5" in unit


@needs_options
def test_the_hub_offers_its_services_on_the_mesh_only(summaries):
    ports = sorted(summaries["zurich"]["firewall"]["interfaces"]["wg0"]["allowedTCPPorts"])
    assert ports == [22, 3001, 8480, 8490]
    assert summaries["tokyo"]["firewall"]["interfaces"]["wg0"]["allowedTCPPorts"] == [22]
    assert "10.84.0.1:8480" in summaries["zurich"]["services"]["depot"]["serviceConfig"]["ExecStart"]
    assert summaries["zurich"]["kuma"]["settings"]["HOST"] == "10.84.0.1"


@needs_options
def test_peers_derive_from_the_list(summaries):
    peers = summaries["zurich"]["wireguard"]["wg0"]["peers"]
    assert {peer["name"]: peer["allowedIPs"] for peer in peers} == {
        **{node.name: [f"10.84.0.{node.index}/32"] for node in NODES[1:]},
        "laptop": ["10.84.0.240/32"],
    }
    assert {peer["name"]: peer["publicKey"] for peer in peers} == {
        peer["name"]: public_key(peer["name"]) for peer in peers
    }
    for node in NODES[1:]:
        (peer,) = summaries[node.name]["wireguard"]["wg0"]["peers"]
        assert peer["publicKey"] == public_key("zurich")
        assert peer["allowedIPs"] == ["10.84.0.1/32", "10.84.0.240/32"]
        assert peer["endpoint"] == "zurich.clavitor.example:51820"
        assert peer["persistentKeepalive"] == 25
        assert summaries[node.name]["wireguard"]["wg0"]["ips"] == [f"10.84.0.{node.index}/24"]


@needs_options
def test_the_hub_forwards_from_operators_to_sshd_of_spokes_and_nothing_else(summaries):
    found = summaries["zurich"]
    assert found["firewall"]["filterForward"]
    assert found["firewall"]["extraForwardRules"].strip() == (
        'iifname "wg0" oifname "wg0" ip saddr { 10.84.0.240 } '
        "ip daddr { 10.84.0.2, 10.84.0.3, 10.84.0.4, 10.84.0.5, 10.84.0.6 } tcp dport 22 accept"
    )
    assert found["sysctl"]["net.ipv4.ip_forward"] == "1"
    for node in NODES[1:]:
        spoke_found = summaries[node.name]
        assert spoke_found["sysctl"]["net.ipv4.ip_forward"] == "0"
        assert spoke_found["firewall"]["filterForward"]
        assert spoke_found["firewall"]["extraForwardRules"] == ""


@needs_options
def test_without_operators_the_hub_forwards_nothing(tmp_path):
    found = one(tmp_path, "zurich", fleet=mesh(operators=()))
    assert found["firewall"]["extraForwardRules"] == ""
    assert "net.ipv4.ip_forward" not in found["sysctl"]


@needs_options
def test_a_key_that_is_not_known_yet_makes_no_peer(tmp_path):
    assert one(tmp_path / "spoke", "tokyo", pinned=Keys())["wireguard"]["wg0"]["peers"] == []
    peers = one(tmp_path / "hub", "zurich", pinned=keys().without("tokyo"))["wireguard"]["wg0"]["peers"]
    assert "tokyo" not in {peer["name"] for peer in peers}


@needs_options
def test_a_rotation_keeps_the_old_peer_and_the_new_one_takes_no_address(tmp_path):
    pinned = keys().with_following("tokyo", public_key("tokyo 2"))
    peers = {peer["name"]: peer for peer in one(tmp_path, "zurich", pinned=pinned)["wireguard"]["wg0"]["peers"]}
    assert peers["tokyo"]["allowedIPs"] == ["10.84.0.2/32"]
    assert peers["tokyo-next"]["publicKey"] == public_key("tokyo 2")
    assert peers["tokyo-next"]["allowedIPs"] == []


@needs_options
def test_preshared_keys_are_files(tmp_path):
    fleet = mesh(preshared_keys=True)
    (peer,) = one(tmp_path / "spoke", "tokyo", fleet=fleet)["wireguard"]["wg0"]["peers"]
    assert peer["presharedKeyFile"] == "/etc/wireguard/psk/zurich"
    peers = {p["name"]: p for p in one(tmp_path / "hub", "zurich", fleet=fleet)["wireguard"]["wg0"]["peers"]}
    assert peers["tokyo"]["presharedKeyFile"] == "/etc/wireguard/psk/tokyo"
    assert peers["laptop"].get("presharedKeyFile") is None


@needs_options
@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_clavitor_is_unprivileged_and_does_not_wait_for_the_mesh(summaries, node):
    service = summaries[node.name]["services"]["clavitor"]
    config = service["serviceConfig"]
    assert config["User"] == "clavitor"
    assert config["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
    assert config["ProtectSystem"] == "strict"
    assert "ProcSubset" not in config
    assert "network-online.target" in service["after"]
    assert "network-online.target" in service["wants"]
    assert not any("wireguard" in unit for unit in (*service["after"], *service["wants"], *service["requires"]))
    assert service["environment"]["CLAVITOR_DOMAIN"] == f"{node.name}.clavitor.example"
    assert service["environment"]["CLAVITOR_PUSH_URL"] == f"http://10.84.0.1:8490/push/{node.name}"
    unit = summaries[node.name]["units"]["clavitor.service"]
    assert "ConditionPathExists=/opt/clavitor/current/clavitor" in unit
    assert "StartLimitIntervalSec=0" in unit
    assert "TOKEN" not in unit


@needs_options
def test_nothing_that_serves_customers_requires_the_hub(summaries):
    for node in NODES[1:]:
        for name, service in summaries[node.name]["services"].items():
            if name in ("clavitor", "sshd", "nftables"):
                assert not any("wireguard" in unit for unit in service["requires"]), name


@needs_options
def test_small_machines_have_swap_and_a_bound_for_clavitor(summaries):
    for node in NODES:
        found = summaries[node.name]
        small = plan_of(node).memory <= 1024
        assert found["zramSwap"]["enable"] is small
        assert bool(found["swapDevices"]) is small
        assert ("MemoryMax" in found["services"]["clavitor"]["serviceConfig"]) is small
    assert summaries["newjersey"]["services"]["clavitor"]["serviceConfig"]["MemoryMax"] == "307M"


@needs_options
def test_old_generations_go_but_three_stay(summaries):
    for node in NODES:
        found = summaries[node.name]
        assert found["services"]["estate-gc"]["environment"]["GENERATIONS"] == "3"
        assert found["boot"]["grub"]["configurationLimit"] == 3
        assert found["nix"]["gc"]["automatic"] is False
    script = tree()["modules/gc.sh"].content.decode()
    assert '--delete-generations "+$GENERATIONS"' in script
    assert "nix-collect-garbage\n" in script
    assert script.rstrip().endswith('switch-to-configuration" boot')


@needs_options
def test_break_glass_is_off_until_it_is_switched_on(summaries):
    for node in NODES:
        found = summaries[node.name]
        assert GLASS_KEY not in json.dumps(found["users"]["mitch"])
        glass = found["specialisations"]["breakglass"]
        assert glass["firewall"]["extraInputRules"] == "ip saddr { 192.0.2.0/24 } tcp dport 22 accept\n"
        assert 22 not in glass["firewall"]["allowedTCPPorts"]
        assert f'from="192.0.2.0/24" {GLASS_KEY}' in glass["users"]["mitch"]["authorizedKeys"]
        assert ADMIN_KEY in glass["users"]["mitch"]["authorizedKeys"]
        assert glass["etc"]["estate/breakglass"]["sha256"]


@needs_options
def test_without_break_glass_keys_there_is_no_such_way(tmp_path):
    assert one(tmp_path, fleet=mesh(break_glass=BreakGlass()))["specialisations"] == {}


@needs_options
def test_the_first_boot_is_reachable_and_can_be_lustrated(tmp_path):
    found = one(tmp_path / "now", "tokyo", first_boot=True)
    assert sorted(found["firewall"]["allowedTCPPorts"]) == [22, 80, 443]
    assert found["boot"]["initrdSystemd"] is False
    assert [swap["size"] for swap in found["swapDevices"]] == [512]
    assert [swap["size"] for swap in one(tmp_path / "big", "dallas", first_boot=True)["swapDevices"]] == [1024]


@needs_options
def test_a_release_without_the_old_initrd_refuses_a_first_boot(tmp_path):
    directory = write(tmp_path, tree(fleet=mesh(nixos="26.11"), first_boot=True))
    (fault,) = [item for item in check_nodes({"tokyo": directory}).faults if item.path.startswith(EVALUATE)]
    assert "build an image" in fault.fault


@needs_options
def test_a_backup_that_nobody_could_open_is_refused(tmp_path):
    directory = write(tmp_path, tree(machine=host(age_recipients=())))
    (fault,) = [item for item in check_nodes({"tokyo": directory}).faults if item.path.startswith(EVALUATE)]
    assert "age_recipients" in fault.fault


@needs_options
def test_backups_go_off_the_hub_when_it_says_where(tmp_path):
    fleet = mesh(offsite=Offsite(bucket="some-bucket"))
    found = one(tmp_path / "hub", "zurich", fleet)
    job = found["services"]["vault-offsite"]
    assert job["environment"]["OFFSITE_TARGET"] == "offsite:some-bucket/vaults"
    assert job["serviceConfig"]["EnvironmentFile"] == "/etc/push-bridge/offsite.env"
    assert "vault-offsite" in found["timers"]
    assert "vault-offsite-back" not in found["timers"]
    assert "vault-offsite" not in one(tmp_path / "spoke", "tokyo", fleet)["services"]
    assert "vault-offsite" not in one(tmp_path / "none", "zurich")["services"]


@needs_options
def test_accounts_are_the_admins_and_root_has_no_password_here(summaries):
    for node in NODES:
        found = summaries[node.name]
        people = {name for name, user in found["users"].items() if user["isNormalUser"]}
        assert people == {"mitch"}
        assert found["users"]["mitch"]["authorizedKeys"] == [ADMIN_KEY]
        assert found["sudo"] == {"enable": True, "execWheelOnly": True, "wheelNeedsPassword": False}


@needs_options
def test_generations_of_the_hub_are_trusted(summaries):
    assert all(CACHE in found["nix"]["settings"]["trusted-public-keys"] for found in summaries.values())


@needs_options
def test_a_lab_can_say_where_names_are(tmp_path):
    overrides = Overrides(extra_hosts=(("192.0.2.7", "acme.example"),), environment={"SSL_CERT_FILE": "/etc/ca.pem"})
    found = one(tmp_path, "tokyo", overrides=overrides)
    assert found["services"]["clavitor"]["environment"]["SSL_CERT_FILE"] == "/etc/ca.pem"
    assert "192.0.2.7 acme.example" in text(tree(overrides=overrides))


def test_the_bridge_knows_every_node_and_no_secret():
    values = tree("zurich")["estate.nix"].content.decode()
    assert all(f'"{node.name}"' in values for node in NODES)
    assert 'kuma = "http://10.84.0.1:3001";' in values
    assert all(f"modules/push_bridge/{name}" in tree("zurich") for name in bridge_files())


def test_the_labs_hub_alone_is_a_fleet():
    alone = mesh(nodes=(hub(),), operators=(laptop(),))
    assert "modules/wireguard-hub.nix" in tree("zurich", fleet=alone)
