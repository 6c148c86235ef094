"""The homelab's public resources, from the declarations of its hosts and of the VPS (pure; ADR 0024)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from estate.models.faults import Fault, did_you_mean
from estate.models.host import HomelabHost, Host, VpsHost
from estate.models.public import PublicResource, Target
from estate.models.service import Route, Service
from estate.models.stack import Stack
from estate.models.vps import PangolinSettings, RawRoute

WHERE = "group_data/vps/pangolin"


@dataclass(frozen=True)
class Place:
    """A service of the homelab and where it runs."""

    host: Host
    stack: Stack
    service: Service


@dataclass
class Routes:
    """What is public, and what is wrong with it."""

    resources: list[PublicResource] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def edge_of(hosts: Mapping[str, Host]) -> VpsHost | None:
    """The VPS whose Pangolin the homelab's sites go through, if there is one."""
    return next((host for host in hosts.values() if isinstance(host, VpsHost) and host.pangolin), None)


def _places(hosts: Mapping[str, Host], stacks: Mapping[str, Stack]) -> Iterator[Place]:
    for name, stack in stacks.items():
        if isinstance(hosts[name], HomelabHost):
            for service in stack.containers:
                yield Place(hosts[name], stack, service)


def _target(place: Place, port: int | None, tunnel: Stack | None) -> tuple[str, int] | None:
    """Address and port at which the tunnel's end reaches a service; None when it does not.

    A neighbour of the tunnel client is reached on the stack's own network, any other where its host publishes it.
    """
    service, address = place.service, place.host.home_address or place.host.address
    if port is None:
        return None
    if tunnel is place.stack:
        return place.stack.address(service), port
    if service.host_network:
        return address, port
    published = next((item.host for item in service.published if item.container == port), None)
    return (address, published) if published else None


class _Builder:
    def __init__(self, settings: PangolinSettings, places: list[Place]) -> None:
        self.settings = settings
        self.places = {place.service.name: place for place in places}
        self.tunnel = self.places["newt"].stack if "newt" in self.places else None
        self.found = Routes()

    def build(self) -> Routes:
        """Every resource and fault."""
        for place in self.places.values():
            for route in place.service.routes:
                if route.files is None:
                    self._site(place, route)
        for raw in self.settings.raw:
            self._raw(raw)
        for foreign in self.settings.foreign:
            target = Target(hostname=foreign.address, port=foreign.port)
            self._add(foreign.host, f"{foreign.host}.{self.settings.domain}", foreign.host, (target,))
        self._protected()
        if self.found.resources and self.tunnel is None:
            fault = f"{len(self.found.resources)} public sites and ports, but no newt in the homelab"
            self._fault("group_data/homelab/services", fault, "add newt to one of the containers")
        return self.found

    def _fault(self, path: str, fault: str, remedy: str) -> None:
        self.found.faults.append(Fault(path, fault, remedy))

    def _add(self, label: str, domain: str, name: str, targets: tuple[Target, ...]) -> None:
        taken = {resource.domain for resource in self.found.resources}
        if domain in taken:
            self._fault(f"{WHERE}/{label}", f"{domain} is the name of two sites", "choose another")
            return
        key = label.replace(".", "-")
        self.found.resources.append(PublicResource(key=key, name=name, domain=domain, targets=targets))

    def _site(self, place: Place, route: Route) -> None:
        domain = f"{route.host}.{place.stack.settings.domain}"
        where = f"{WHERE}/{route.host}"
        if not domain.endswith(f".{self.settings.domain}"):
            self._fault(where, f"{domain} is not below {self.settings.domain}", "Pangolin has that one domain only")
            return
        target = self._of(place.service.name, where)
        if target is None:
            return
        auth = self.settings.forward_auth
        targets: tuple[Target, ...] = (target,)
        if route.host in auth.hosts:
            front = self._of(auth.outpost, f"{WHERE}/forward_auth/outpost")
            if front is None:
                return
            past = auth.bypass.get(route.host, ())
            targets = (front, *(target.model_copy(update={"path": path}) for path in past))
        self._add(route.host, domain, place.service.purpose, targets)

    def _of(self, service: str, where: str) -> Target | None:
        place = self.places.get(service)
        if place is None:
            self._fault(where, f"{service} is not a service of the homelab", did_you_mean(service, self.places))
            return None
        found = _target(place, place.service.port, self.tunnel)
        if found is None:
            self._fault(where, f"{service} does not publish its port: the tunnel cannot reach it", "publish it")
            return None
        return Target(hostname=found[0], port=found[1])

    def _raw(self, raw: RawRoute) -> None:
        place = self.places.get(raw.service)
        where = f"{WHERE}/raw/{raw.port}/{raw.protocol}"
        if place is None:
            self._fault(where, f"{raw.service} is not a service of the homelab", did_you_mean(raw.service, self.places))
            return
        found = _target(place, raw.port, self.tunnel)
        if found is None:
            self._fault(where, f"{raw.service} does not publish {raw.port}", "publish it, or take the route out")
            return
        target = Target(hostname=found[0], port=found[1])
        key = f"{raw.service}-{raw.protocol}-{raw.port}"
        name = f"{place.service.purpose} ({raw.protocol} {raw.port})"
        resource = PublicResource(key=key, name=name, mode=raw.protocol, port=raw.port, targets=(target,))
        self.found.resources.append(resource)

    def _protected(self) -> None:
        auth = self.settings.forward_auth
        known = {route.host for place in self.places.values() for route in place.service.routes}
        for label in sorted({*auth.hosts, *auth.bypass} - known):
            self._fault(f"{WHERE}/forward_auth/{label}", "no such site", did_you_mean(label, known))


def public_routes(hosts: Mapping[str, Host], stacks: Mapping[str, Stack]) -> Routes:
    """Every public site and port; none while no container of the homelab has services."""
    edge, places = edge_of(hosts), list(_places(hosts, stacks))
    if edge is None or edge.pangolin is None or not places:
        return Routes()
    return _Builder(edge.pangolin, places).build()


def with_routes(stacks: Mapping[str, Stack], routes: Routes) -> dict[str, Stack]:
    """The stacks, of which the tunnel client's knows what goes through it."""
    public = tuple(routes.resources)
    return {n: s.model_copy(update={"public": public}) if "newt" in s else s for n, s in stacks.items()}


def names(edge: VpsHost, stacks: Mapping[str, Stack]) -> list[str]:
    """Every name that is to lead to the VPS, sorted."""
    assert edge.pangolin is not None  # noqa: S101
    public = {resource.domain for stack in stacks.values() for resource in stack.public if resource.domain}
    own = {f"{label}.{edge.pangolin.domain}" for label in edge.pangolin.names}
    return sorted({edge.pangolin.dashboard_name, *own, *public})
