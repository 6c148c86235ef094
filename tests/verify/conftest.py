"""Reads every host once, in one remote command, and hands the answers to the tests."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import testinfra

from estate.inventory import Estate, load
from estate.models.desired import Desired, File
from estate.models.faults import EstateFaults
from estate.models.host import EdgeHost, Host, MainframeHost
from estate.models.service import Service
from estate.models.stack import Stack
from estate.render.host import tasks_of
from estate.secrets.placeholders import ACCESS, placeholders
from estate.verify.expected import health_path, is_database, is_queue
from estate.verify.observation import Observation, parse, probe
from estate.verify.outside import ask_login_methods


@dataclass(frozen=True)
class Node:
    """A host with what is wanted of it."""

    name: str
    host: Host
    stack: Stack | None
    tasks: dict[str, Desired]

    @property
    def tree(self):
        return [node for task in self.tasks.values() for node in task.tree]

    def file(self, path: str) -> bytes:
        """The declared content of a file; it holds placeholders where the host's holds secrets."""
        return next(item.content for item in self.tree if isinstance(item, File) and item.path == path)

    def config_file(self, service: str, path: str) -> bytes:
        """The declared content of a service's configuration file."""
        return self.file(f"{self.stack.compose_dir}/{service}/{path}")


KINDS = {"service": lambda service: True, "database": is_database, "queue": is_queue}
"""Fixtures that stand for one service of a host's stack, and which services they are."""
SITES = {"site": lambda site: True, "site_with_health": lambda site: bool(health_path(site[0]))}
"""Fixtures that stand for one (service, route, host name) of a host's stack, and which they are."""


def _estate(config) -> Estate:
    path = config.getoption("--inventory")
    if not path:
        raise pytest.UsageError("--inventory is missing; give one, such as --inventory inventories/lab.py")
    try:
        return load(Path(path).resolve())
    except EstateFaults as error:
        raise pytest.UsageError(str(error)) from None


def _nodes(config) -> list[Node]:
    if not hasattr(config, "estate_nodes"):
        estate = _estate(config)
        try:
            hosts = estate.select(tuple(config.getoption("--limit")))
        except EstateFaults as error:
            raise pytest.UsageError(str(error)) from None
        nodes = []
        config.estate_edge = [host for host in hosts.values() if isinstance(host, EdgeHost)]
        for name, host in hosts.items():
            if isinstance(host, EdgeHost):
                continue
            stack = estate.stacks.get(name)
            tasks = tasks_of(host, stack, placeholders(stack, host), ACCESS)
            if tasks:
                nodes.append(Node(name, host, stack, tasks))
        config.estate_nodes = nodes
    return config.estate_nodes


def pytest_generate_tests(metafunc):
    names = set(metafunc.fixturenames)
    if "edge" in names:
        _nodes(metafunc.config)
        metafunc.parametrize("edge", metafunc.config.estate_edge, ids=lambda host: host.name, scope="session")
        return
    if not {"node", *KINDS, *SITES} & names:
        return
    nodes = _nodes(metafunc.config)
    for kind, belongs in KINDS.items():
        if kind in names:
            _parametrize(
                metafunc, kind, [(n, s, s.name) for n in nodes if n.stack for s in n.stack.containers if belongs(s)]
            )
            return
    for kind, belongs in SITES.items():
        if kind in names:
            _parametrize(
                metafunc,
                kind,
                [(n, x, x[2]) for n in nodes if n.stack and "caddy" in n.stack for x in n.stack.routes() if belongs(x)],
            )
            return
    only = metafunc.definition.get_closest_marker("with_service")
    wanted = set(only.args) if only else set()
    chosen = [n for n in nodes if not wanted or (n.stack and wanted <= {s.name for s in n.stack.services})]
    metafunc.parametrize("node", chosen, ids=lambda node: node.name, scope="session")


def _parametrize(metafunc, name, cases):
    ids = [f"{node.name}-{label}" for node, _, label in cases]
    metafunc.parametrize(("node", name), [case[:2] for case in cases], ids=ids, scope="session")


def pytest_configure(config):
    _nodes(config)  # a usage error here is one line; later it would be a traceback
    config.addinivalue_line("markers", "with_service(*names): only for hosts whose stack has these services")


@pytest.fixture(scope="session")
def estate_stacks(request):
    """Every stack of the estate, by host."""
    return _estate(request.config).stacks


def reason(error: RuntimeError) -> str:
    """What ssh said; testinfra raises with the whole result, the probe's text included."""
    stderr = getattr(error.args[0], "stderr", "") if error.args else ""
    return stderr.strip().splitlines()[-1] if stderr.strip() else "ssh failed without a word"


def _observe(estate: Estate, node: Node, directory: Path, patience: int) -> Observation:
    ssh = estate.ssh[node.name]
    config = directory / node.name
    config.write_text(
        f"Host {node.name}\n  HostName {ssh.hostname}\n  User {ssh.user}\n  Port {ssh.port}\n"
        f'  UserKnownHostsFile "{ssh.known_hosts}"\n  StrictHostKeyChecking yes\n  BatchMode yes\n'
        + (f'  IdentityFile "{ssh.key}"\n  IdentitiesOnly yes\n' if ssh.key else "")
    )
    target = testinfra.get_host(f"ssh://{node.name}?ssh_config={config}&timeout=15&sudo=true")
    try:
        result = target.run("sh -c %s", probe(node.host, node.stack, node.tasks.values(), patience))
    except RuntimeError as error:
        return Observation({}, f"unreachable: {reason(error)}")
    if result.rc != 0:
        return Observation({}, f"the probe failed: {result.stderr.strip()[-300:]}")
    # .stdout would ask the host for its encoding as soon as a byte is not ASCII, by way of a Python there
    answer = parse(result.stdout_bytes.decode(errors="replace").splitlines())
    return Observation({**answer.sections, "sshd offers": ask_login_methods(config, node.name)})


@pytest.fixture(scope="session")
def observations(request, tmp_path_factory):
    estate, nodes = _estate(request.config), _nodes(request.config)
    directory, patience = tmp_path_factory.mktemp("ssh"), request.config.getoption("--patience")
    with ThreadPoolExecutor(max_workers=16) as pool:
        answers = pool.map(lambda node: _observe(estate, node, directory, patience), nodes)
        return dict(zip([node.name for node in nodes], answers, strict=True))


@pytest.fixture
def seen(node: Node, observations) -> Observation:
    """What the test's host answered; an unreachable host fails every test of it in one line."""
    answer = observations[node.name]
    if answer.error:
        pytest.fail(f"{node.name}: {answer.error}", pytrace=False)
    return answer


@pytest.fixture
def container(service: Service, seen: Observation) -> dict:
    """The running container of the test's service."""
    found = seen.containers().get(service.name)
    assert found, f"{service.name} has no container"
    return found


@pytest.fixture(scope="session")
def edge_estate(request) -> Estate:
    """The estate whose fleet is looked at."""
    return _estate(request.config)


@pytest.fixture(scope="session")
def edge_hosts(request) -> list[EdgeHost]:
    """The nodes of the fleet; tests of it are skipped where there is none."""
    _nodes(request.config)
    if not request.config.estate_edge:
        pytest.skip("no edge node was chosen")
    return request.config.estate_edge


@pytest.fixture(scope="session")
def acme_root(edge_estate) -> str:
    """The root that the fleet's certificates come from, in PEM; empty for the system's."""
    return next((h.tls.ca_root or "" for h in edge_estate.hosts.values() if isinstance(h, MainframeHost)), "")
