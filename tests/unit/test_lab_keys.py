"""Keys, client configuration and certificates."""

import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from lab import ca, keys
from lab.hosts import HOSTS
from lab.paths import LabPaths


def test_known_hosts_pin_name_and_address() -> None:
    pins = {HOSTS[0]: ["ssh-rsa BBBB root@x", "ssh-ed25519 AAAA root@x"]}
    assert keys.render_known_hosts(pins) == (
        "mainframe,10.99.0.10 ssh-ed25519 AAAA\nmainframe,10.99.0.10 ssh-rsa BBBB\n"
    )


def test_ssh_config_in_full(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path)
    assert keys.render_ssh_config(paths, HOSTS[:1]) == (
        "Host mainframe 10.99.0.10\n"
        "  HostName 10.99.0.10\n"
        "\n"
        "Host *\n"
        "  User mitch\n"
        f'  IdentityFile "{tmp_path}/ssh/id_ed25519"\n'
        "  IdentitiesOnly yes\n"
        f'  UserKnownHostsFile "{tmp_path}/known_hosts"\n'
        "  GlobalKnownHostsFile /dev/null\n"
        "  StrictHostKeyChecking yes\n"
        "  ConnectTimeout 10\n"
    )


def test_a_file_is_written_only_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert keys.write_if_changed(path, "one")
    assert not keys.write_if_changed(path, "one")
    assert keys.write_if_changed(path, "two")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_authority_is_made_once(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path)
    assert ca.ensure(paths) == "made: root, registry"
    before = paths.ca_cert.read_bytes()
    assert ca.ensure(paths) == "already there"
    assert paths.ca_cert.read_bytes() == before
    assert stat.S_IMODE(paths.ca_key.stat().st_mode) == 0o600


def test_the_registry_is_vouched_for_under_all_its_names(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path)
    ca.ensure(paths)
    root = x509.load_pem_x509_certificate(paths.ca_cert.read_bytes())
    registry = x509.load_pem_x509_certificate(paths.registry_cert.read_bytes())
    registry.verify_directly_issued_by(root)
    names = registry.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {
        "mirror.lab",
        "ghcr.io",
        "quay.io",
        "gcr.io",
        "registry-1.docker.io",
    }
    assert {str(address) for address in names.get_values_for_type(x509.IPAddress)} == {
        "10.99.0.2",
        "127.0.0.1",
    }


def test_a_new_root_brings_a_new_registry_certificate(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path)
    ca.ensure(paths)
    paths.ca_key.unlink()
    assert ca.ensure(paths) == "made: root, registry"


def test_ssh_itself_reads_the_configuration(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path)
    config = tmp_path / "ssh_config"
    config.write_text(keys.render_ssh_config(paths, HOSTS))
    try:
        shown = subprocess.run(["ssh", "-G", "-F", str(config), "tokyo"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("ssh is not installed")
    assert "hostname 10.84.0.2\n" in shown.stdout
    assert "user mitch\n" in shown.stdout
