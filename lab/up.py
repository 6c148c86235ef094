"""`estate lab up`: every step finds out for itself whether there is anything to do."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import b2, ca, containers, engine, fleet, keys, limits, machines, proxmox, rootfs, secrets, services, system
from lab import templates as pve_templates
from lab.docker import LABEL, Docker, find_docker
from lab.errors import LabError
from lab.hosts import ACME, ACME_NAME, CONTROLLER, HOSTS, HUB, NETWORK, REGISTRY, SUBNET, LabHost, Profile, select
from lab.images import ensure, kuma
from lab.images.ensure import all_layers, build_missing
from lab.parallel import parallel
from lab.paths import LabPaths
from lab.progress import Progress
from lab.refresh import engines, refresh


@dataclass(frozen=True)
class Lab:
    """What the steps share."""

    paths: LabPaths
    progress: Progress
    hosts: tuple[LabHost, ...]
    upstream: bool

    @property
    def homelab(self) -> bool:
        """Whether it has Proxmox nodes."""
        return any(host.pve for host in self.hosts)


def up(paths: LabPaths, profile: Profile, progress: Progress) -> None:
    """Bring the lab of a profile up, from wherever it is."""
    lab = Lab(paths, progress, select(profile), os.environ.get("LAB_IMAGES") == "upstream")
    _packages(progress)
    # npm and a compiler are busy for minutes, and need nothing that comes before
    building = ThreadPoolExecutor(1).submit(kuma.archive)
    docker = _engine(lab)
    images = _base_images(lab, docker)
    _network(lab, docker)
    _keys(lab)
    _servers(lab, docker, images)
    _fleet(lab, building)
    if lab.homelab:
        _templates(lab, docker, images)
    _hosts(lab, docker, images)
    keys.write_if_changed(paths.profile, f"{profile}\n")
    _images(lab, docker)


def prepare(paths: LabPaths, progress: Progress) -> None:
    """Build what takes minutes and needs no host: a later `up` finds it. Raises LabError."""
    lab = Lab(paths, progress, hosts=(), upstream=os.environ.get("LAB_IMAGES") == "upstream")
    _packages(progress)
    building = ThreadPoolExecutor(1).submit(kuma.archive)
    docker = _engine(lab)
    _base_images(lab, docker)
    if not lab.upstream:
        with progress.step("Service images") as step:
            build_missing(docker, list(all_layers().values()), step.note)
            step.done("built")
    with progress.step("Uptime Kuma") as step:
        building.result()
        step.done(kuma.version())


def _packages(progress: Progress) -> None:
    with progress.step("System packages") as step:
        missing = system.missing_packages(engine_answers=find_docker() is not None)
        if missing:
            step.note(f"installing {', '.join(missing)}")
            system.install(missing)
        step.done(f"installed {', '.join(missing)}" if missing else "already there")


def _engine(lab: Lab) -> Docker:
    with lab.progress.step("Docker engine") as step:
        docker, outcome = engine.ensure(lab.paths)
        step.done(outcome)
    return docker


@dataclass(frozen=True)
class BaseImages:
    """Ids of the images that the lab makes itself."""

    host: str
    edge: str
    infra: str
    proxmox: str = ""

    def of(self, host: LabHost) -> str:
        """The image of a host."""
        if host.group == "proxmox" and host.pve:
            return self.proxmox
        return self.edge if host.group == "edge" else self.host


def _base_images(lab: Lab, docker: Docker) -> BaseImages:
    with lab.progress.step("Base images") as step:
        wanted = [rootfs.host_image(), rootfs.edge_image(), rootfs.infra_image()]
        if lab.homelab:
            wanted.append(rootfs.proxmox_image())
        step.note(", ".join(image.tag for image in wanted))
        made = parallel(lambda image: rootfs.ensure(docker, image), wanted)
        step.done("made" if any(new for _, new in made) else "already there")
    return BaseImages(*(image for image, _ in made))


def _fleet(lab: Lab, building: Future[Path]) -> None:
    with lab.progress.step("The fleet's release, operator and Uptime Kuma") as step:
        building.result()
        step.done(fleet.ensure(lab.paths, step.note))


def _templates(lab: Lab, docker: Docker, images: BaseImages) -> None:
    with lab.progress.step("Templates of the Proxmox nodes") as step:
        step.done(pve_templates.ensure(docker, lab.paths, images.host))


def _network(lab: Lab, docker: Docker) -> None:
    with lab.progress.step(f"Network {SUBNET}") as step:
        template = "{{(index .IPAM.Config 0).Subnet}} {{(index .IPAM.Config 0).Gateway}}"
        found = docker.run("network", "inspect", "--format", template, NETWORK, check=False)
        if found.ok and found.stdout.strip() != f"{SUBNET} {CONTROLLER}":
            raise LabError(f"a network named {NETWORK} with other addresses exists", f"docker network rm {NETWORK}")
        if not found.ok:
            options = [f"--label={LABEL}=network", f"--subnet={SUBNET}", f"--gateway={CONTROLLER}"]
            docker.run("network", "create", *options, NETWORK)
        step.done("already there" if found.ok else "made")


def _keys(lab: Lab) -> None:
    with lab.progress.step("Keys and certificates") as step:
        key = keys.ensure_key(lab.paths)
        authority = ca.ensure(lab.paths)
        sealing = secrets.ensure(lab.paths)
        step.done(f"key {key}; certificates {authority}; age key and issuers' secrets {sealing}")


def _servers(lab: Lab, docker: Docker, images: BaseImages) -> None:
    wanted = [
        services.acme(lab.paths, images.infra),
        services.road(lab.paths, images.edge),
        b2.b2(lab.paths, images.infra),
    ]
    if lab.homelab:
        wanted.append(proxmox.dns(images.proxmox))
    if not lab.upstream:
        wanted.append(services.registry(lab.paths, images.infra))
    with lab.progress.step("Registry, ACME server, object store, name server and the road to the fleet") as step:
        found = containers.existing(docker)
        outcomes = parallel(lambda one: containers.ensure(docker, one, found.get(one.name)), wanted)
        services.await_tls(lab.paths, ACME, ACME_NAME)
        if not lab.upstream:
            services.await_tls(lab.paths, REGISTRY, "mirror.lab")
        step.done(", ".join(f"{one.name} {outcome}" for one, outcome in zip(wanted, outcomes, strict=True)))


def _hosts(lab: Lab, docker: Docker, images: BaseImages) -> None:
    machines_wanted = tuple(host for host in lab.hosts if host.is_machine)
    with lab.progress.step(f"{len(machines_wanted)} hosts") as step:
        found = containers.existing(docker)
        caps = system.capabilities(docker.version())
        hub = next(host for host in lab.hosts if host.name == HUB)
        running = {name for name, container in found.items() if container.state == "running"}
        starting = [host for host in machines_wanted if host.container not in running]
        if any(host.group == "proxmox" for host in starting):
            # The deploy makes these on the nodes
            starting += [host for host in lab.hosts if not host.is_machine]
        limits.check(starting, limits.instances_used(), int(limits.LIMIT.read_text()))

        def converge(host: LabHost) -> str:
            wanted = machines.machine(lab.paths, host, images.of(host), caps, lab.upstream)
            outcome = containers.ensure(docker, wanted, found.get(host.container))
            if host.group == "mainframe" and outcome in {"created", "recreated"}:
                secrets.set_aside(lab.paths)
            state = machines.await_boot(docker, host)
            step.note(f"{host.name} {outcome}, {state}")
            return outcome

        _forget_spokes(lab, docker, found, machines.machine(lab.paths, hub, images.edge, caps, lab.upstream))
        outcomes = parallel(converge, machines_wanted)
        pin(lab.paths, docker)
        step.done(", ".join(f"{outcomes.count(word)} {word}" for word in dict.fromkeys(outcomes)))


def _forget_spokes(lab: Lab, docker: Docker, found: dict[str, containers.Found], hub: containers.Container) -> None:
    """Spokes of a hub that is made anew know another key of it, and nobody could reach them."""
    if containers.decide(hub, found.get(hub.name)) in {"unchanged", "started"}:
        return
    for host in lab.hosts:
        if host.group == "edge" and host.container != hub.name and host.container in found:
            docker.run("rm", "--force", "--volumes", host.container)
            del found[host.container]


def pin(paths: LabPaths, docker: Docker) -> int:
    """Pin the host keys of every lab host that runs, those on Proxmox nodes among them; how many there are."""
    running = {name for name, one in containers.existing(docker).items() if one.state == "running"}
    alive = [host for host in HOSTS if host.container in running]
    pins = dict(zip(alive, parallel(lambda host: machines.host_keys(docker, host), alive), strict=True))
    pins |= proxmox.container_keys(docker, running)
    keys.write_if_changed(paths.known_hosts, keys.render_known_hosts(pins))
    keys.write_if_changed(paths.ssh_config, keys.render_ssh_config(paths, HOSTS))
    return len(pins)


def _images(lab: Lab, docker: Docker) -> None:
    if lab.upstream:
        return
    with lab.progress.step("Service images") as step:
        ensure(registry=services.PUSH_TO, progress=step.note, homelab=lab.homelab)
        for name, on_host in engines(docker, lab.hosts).items():
            if dropped := refresh(on_host):
                step.note(f"{name}: {dropped} outdated images dropped; the next deploy pulls them")
