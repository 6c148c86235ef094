"""The stand-in's NixOS options: what configurations of a hub and of a spoke become, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from nixpkgs_eval import NIXPKGS_LIB, STAND_IN, NixError, needs_nix, needs_nixpkgs_lib, nix, summary

pytestmark = needs_nix

CONFIGURATIONS = Path(__file__).parent / "nixpkgs"


@pytest.fixture(scope="module")
def hub() -> Any:
    return summary(CONFIGURATIONS / "hub.nix")


@pytest.fixture(scope="module")
def spoke() -> Any:
    return summary(CONFIGURATIONS / "spoke.nix")


def _with(tmp_path: Path, body: str) -> Any:
    path = tmp_path / "configuration.nix"
    path.write_text(f'{{ config, lib, pkgs, ... }}: {{ system.stateVersion = "26.05"; {body} }}')
    return summary(path)


@needs_nixpkgs_lib
@pytest.mark.parametrize("name", ["hub.nix", "spoke.nix"])
def test_nixpkgs_own_lib_evaluates_the_modules_to_the_same(name: str) -> None:
    assert summary(CONFIGURATIONS / name) == summary(CONFIGURATIONS / name, lib=NIXPKGS_LIB)


def test_the_summary_has_what_a_check_asks_for(hub: Any) -> None:
    assert hub["hostName"] == "zurich"
    assert hub["firewall"]["interfaces"]["wg0"] == {"allowedTCPPorts": [22, 8480], "allowedUDPPorts": []}
    assert hub["ssh"]["settings"]["PasswordAuthentication"] is False
    assert hub["wireguard"]["wg0"]["peers"][0]["name"] == "tokyo"
    assert hub["users"]["mitch"]["authorizedKeys"] == ["ssh-ed25519 AAAA mitch"]
    assert hub["groups"]["wheel"]["members"] == ["mitch"]
    assert hub["etc"]["push/bridge.py"] == {"group": "+0", "mode": "0444", "sha256": None, "user": "+0"}
    assert hub["kuma"]["settings"]["PORT"] == "3001"
    assert sorted(hub["packages"]) == ["jq", "nftables", "sqlite", "wireguard-tools"]


def test_ssh_is_not_open_where_it_is_closed(hub: Any) -> None:
    rules = hub["firewall"]["ruleset"]
    assert "\n    tcp dport { 80, 443 } accept\n" in rules
    assert '\n    iifname "wg0" tcp dport { 22, 8480 } accept\n' in rules
    assert "ip saddr 10.84.0.240 tcp dport 22 accept" in rules.split("chain forward-allow")[1]


def test_ssh_opens_its_port_everywhere_by_default(spoke: Any) -> None:
    assert "\n    tcp dport { 22 } accept\n" in spoke["firewall"]["ruleset"]
    assert "chain forward" not in spoke["firewall"]["ruleset"]
    assert "firewall.service" in spoke["units"]


def test_a_specialisation_is_its_parent_and_its_own(hub: Any) -> None:
    special = hub["specialisations"]["breakglass"]
    assert special["hostName"] == "zurich"
    assert special["specialisations"] == {}
    assert "192.0.2.1" in special["firewall"]["ruleset"]
    assert "192.0.2.1" not in hub["firewall"]["ruleset"]


def test_every_peer_is_a_unit_that_leaves_the_interface_alone(hub: Any, spoke: Any, tmp_path: Path) -> None:
    peers = [name for name in hub["units"] if "-peer-" in name]
    assert peers == [
        "wireguard-wg0-peer-TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi\\x2by71lOWWXX0\\x3d.service",
        "wireguard-wg0-peer-tokyo.service",
    ]
    assert "Requires=wireguard-wg0.service" in hub["units"]["wireguard-wg0-peer-tokyo.service"]
    more = tmp_path / "more.nix"
    key = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA="
    peer = f'{{ publicKey = "{key}"; allowedIPs = [ "10.84.0.9/32" ]; }}'
    more.write_text(
        f"{{ imports = [ {CONFIGURATIONS}/hub.nix ]; networking.wireguard.interfaces.wg0.peers = [ {peer} ]; }}"
    )
    after = summary(more)["units"]
    changed = {name for name in after if after[name] != hub["units"].get(name)}
    assert changed == {"wireguard-wg0-peer-gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA\\x3d.service"}
    assert "wireguard-wg0-peer-zurich-refresh.service" in spoke["units"]


def test_a_unit_file_says_what_was_declared(hub: Any) -> None:
    text = hub["units"]["depot.service"]
    assert "\nExecStart=/usr/bin/caddy file-server --root /var/lib/estate/depot\n" in text
    assert "\nRestrictAddressFamilies=AF_INET\nRestrictAddressFamilies=AF_UNIX\n" in text
    assert '\nEnvironment="ROOT=/var/lib/estate/depot"\n' in text
    assert "\nX-Restart-Triggers=" in text
    assert hub["timers"]["backup"] == {"timerConfig": {"OnCalendar": ["daily"]}, "wantedBy": ["timers.target"]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("services.caddy.enable = true;", ["option `services.caddy' does not exist", "configuration.nix"]),
        ("networking.firewal.enable = true;", ["option `networking.firewal' does not exist", "configuration.nix"]),
        ('networking.firewall.allowedTCPPorts = [ "22" ];', ["networking.firewall.allowedTCPPorts", "16 bit"]),
        ("networking.hostName = \"a b\";", ["`networking.hostName' is not of type `string matching"]),
        ("services.openssh.settings.MACs = [ \"a\" ];", ["option `services.openssh.settings.MACs' is not of type"]),
        ("services.openssh.settings.AllowUsers = \"a\";", ["services.openssh.settings.AllowUsers' is not of type"]),
        ("systemd.services.a.environment.N = 1;", ["option `systemd.services.a.environment.N' is not of type"]),
        ("systemd.services.a.scripts = \"\";", ["option `systemd.services.a.scripts' does not exist"]),
        ("environment.systemPackages = [ pkgs.postgresql ];", ["attribute 'postgresql' missing"]),
        ("environment.systemPackages = with pkgs; [ vim ];", ["undefined variable 'vim'"]),
        ("environment.etc.a = { };", ["Failed assertions", 'environment.etc."a" needs either text or source']),
        ("users.users.a.isNormalUser = false;", ["Exactly one of users.users.a.isSys", "users.a.group is unset"]),
        ("users.mutableUsers = false;", ["prevent being locked out"]),
        ("assertions = [ { assertion = false; message = \"told so\"; } ];", ["Failed assertions:", "- told so"]),
        ("networking.firewall.filterForward = true;", ["filterForward only works with the nftables based firewall"]),
        ("networking.wireguard.interfaces.wg0.ips = [ ];", ["wg0.privateKeyFile must be set"]),
    ],
)  # fmt: skip
def test_a_faulty_configuration_is_refused(tmp_path: Path, body: str, words: list[str]) -> None:
    with pytest.raises(NixError) as raised:
        _with(tmp_path, body)
    assert [word for word in words if word not in str(raised.value)] == []


def test_a_warning_is_told_and_stops_nothing(tmp_path: Path) -> None:
    found = _with(tmp_path, 'systemd.services.a.after = [ "network-online.target" ];')
    assert found["warnings"] == ["a.service is ordered after 'network-online.target' but doesn't depend on it"]


def test_a_package_is_where_debian_has_it() -> None:
    assert nix("--expr", f'with import {STAND_IN} {{ }}; "${{python3}}/bin/python3 ${{lib.getExe sqlite}}"') == (
        "/usr/bin/python3 /usr/bin/sqlite3"
    )


def test_nix_conf_has_the_settings_and_the_stand_ins_own(hub: Any) -> None:
    text = nix(
        f"{STAND_IN}/nixos", "-A", 'config.environment.etc."nix/nix.conf".text',
        "-I", f"nixos-config={CONFIGURATIONS / 'hub.nix'}",
    )  # fmt: skip
    assert "experimental-features = nix-command\n" in text
    assert "trusted-public-keys = hub:AAAA\n" in text
    assert "sandbox = false\n" in text
    assert hub["nix"]["gc"]["dates"] == ["weekly"]
