"""What each host watches: from the declarations, and the settings are those that the program reads."""

import json

import pytest
from factories import homelab, settings

from estate.inventory import load
from estate.models.host_parts import Neighbour
from estate.models.stack import Stack
from estate.models.watch import WatchSettings
from estate.render.templates import ROOT
from estate.render.watch import CONFIG, TELEGRAM, watch
from estate.render.watch_jobs import jobs
from estate.services import CATALOG
from estate_watch.__main__ import JOBS
from estate_watch.config import load as read

HOME = Neighbour(name="authentik", group="homelab", address="10.20.0.42", sites=("auth.prodg.studio",), vmid=142)
EDGE = Neighbour(name="vps", group="vps", address="192.0.2.20", services=("gerbil",), sites=("pangolin.prodg.studio",))
SECRETS = {"TELEGRAM_BOT_TOKEN": "1234:poison", "TELEGRAM_CHAT_ID": "-42"}


@pytest.fixture(scope="module")
def estate():
    return load(ROOT / "inventories" / "prod.py")


def by_name(host, stack):
    return {job.name: job for job in jobs(host, stack)}


def watching(**over):
    return homelab(watch=WatchSettings(), neighbours=(HOME, EDGE), **over)


def stack_of(*names):
    return Stack(settings=settings(domain="prodg.studio"), services=tuple(CATALOG[name] for name in names))


def test_production_watches_what_the_seed_asks_for(estate):
    found = {name: set(by_name(host, estate.stacks.get(name))) for name, host in estate.hosts.items()}
    assert found["postgres"] == {"health-check"}
    assert found["dl380p"] == {"health-check", "backup-proxmox"}
    assert found["i5"] == {"health-check"}
    assert found["mainframe"] == found["omv"] == set()
    assert {"health-check", "resource-report"} <= found["monitoring"]


def test_every_guest_is_one_whose_backup_is_looked_for(estate):
    job = by_name(estate.hosts["dl380p"], None)["backup-proxmox"]
    assert job.settings["guests"] == [141, 142, 143, 144, 145, 146]
    assert job.settings["storage"] == "omv"


def test_a_node_that_does_not_lead_looks_for_no_backups(estate):
    # Its group declares the same jobs: they are the cluster's
    assert estate.hosts["i5"].backup_jobs
    assert "backup-proxmox" not in by_name(estate.hosts["i5"], None)


def test_sites_and_certificates_are_asked_from_outside_at_the_public_edge():
    found = by_name(watching(), stack_of("hl-prometheus"))
    (site,) = found["health-check"].settings["sites"]
    assert site == {"url": "https://auth.prodg.studio/", "address": "192.0.2.20", "seconds": 2.0}
    assert found["cert-check"].settings["names"] == [
        {"name": "auth.prodg.studio", "address": "192.0.2.20", "port": 443}
    ]


def test_other_hosts_look_after_their_own_containers_only():
    settings = by_name(watching(), stack_of("n8n"))["health-check"].settings
    assert (settings["sites"], settings["services"]) == ([], ["n8n"])


def test_the_tunnels_monitor_asks_for_what_only_the_homelab_says():
    tunnel = CATALOG["n8n"].model_copy(update={"name": "newt"})
    stack = Stack(settings=settings(domain="prodg.studio"), services=(tunnel,))
    job = by_name(watching(), stack)["tunnel-monitor"].settings
    assert job["contains"] == "https://auth.prodg.studio/application/o/hl-grafana/"
    assert job["restart"] == ["docker", "restart", "newt"]
    assert (job["failures"], job["first_wait"], job["per_day"]) == (3, 300, 6)


def test_the_vps_waits_longer_than_the_homelabs_end():
    end = CATALOG["n8n"].model_copy(update={"name": "gerbil"})
    stack = Stack(settings=settings(domain="prodg.studio"), services=(end,))
    job = by_name(watching(), stack)["tunnel-monitor"].settings
    assert (job["failures"], job["first_wait"]) == (6, 600)
    assert job["restart"] == ["docker", "restart", "gerbil", "traefik"]


def test_a_host_that_watches_nothing_has_no_task_and_needs_no_token():
    host = homelab()
    assert watch(host, None, {}) is None
    assert "TELEGRAM_BOT_TOKEN" not in host.secrets
    assert "TELEGRAM_BOT_TOKEN" in watching().secrets


def test_the_program_reads_what_is_written_for_it(tmp_path):
    desired = watch(watching(), stack_of("hl-prometheus"), SECRETS)
    files = {file.path: file for file in desired.tree.files}
    path = tmp_path / "config.json"
    path.write_bytes(files[CONFIG].content)
    found = read(path)
    assert set(found.jobs) <= set(JOBS)
    assert {unit.name for unit in desired.units} == {f"estate-watch-{name}.timer" for name in found.jobs}


def test_the_token_is_in_one_file_that_root_alone_reads():
    desired = watch(watching(), stack_of("hl-prometheus"), SECRETS)
    holding = [file for file in desired.tree.files if b"1234:poison" in file.content]
    assert [(file.path, file.mode, file.mask) for file in holding] == [(TELEGRAM, 0o400, "whole")]
    assert json.loads(holding[0].content) == {"token": "1234:poison", "chat": "-42"}
