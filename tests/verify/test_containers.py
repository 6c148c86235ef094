"""Every container: declared image, user, limits, health and confinement, as the engine reports them."""


def test_it_runs_and_is_healthy(service, container):
    assert (container["status"], container["health"]) == ("running", "healthy")


def test_it_runs_the_declared_image_as_the_declared_user(service, container):
    assert container["image"] == str(service.image)
    assert container["user"] == service.user


def test_it_has_the_declared_limits(service, container):
    assert container["memory"] == service.limits.memory
    assert container["cpus"] == int(service.limits.cpus * 1e9)
    assert container["pids"] == service.limits.pids


def test_it_is_confined(service, container):
    assert container["drop"] == ["ALL"]
    assert [cap.removeprefix("CAP_") for cap in container["add"] or []] == list(service.cap_add)
    assert "no-new-privileges:true" in container["security"]
    assert container["readonly"] is service.read_only


def test_it_is_on_the_declared_network(node, service, container):
    if service.network_of:
        # Docker names the container, which is made anew with every release of it
        assert container["network"].startswith("container:")
        return
    assert container["network"] == ("host" if service.host_network else node.stack.settings.network)


def test_it_restarts_and_its_logs_are_bounded(service, container):
    assert container["restart"] == "unless-stopped"
    assert container["log"]["Config"]["max-size"] == "10m"
    assert container["log"]["Config"]["max-file"] == "3"


def test_it_publishes_exactly_the_declared_ports(service, container):
    wanted = {(f"{p.container}/{p.protocol}", str(p.host)) for p in service.published}
    live = {(inner, b["HostPort"]) for inner, bindings in (container["ports"] or {}).items() for b in bindings}
    assert live == wanted


def test_the_project_has_no_other_containers(node, seen):
    if node.stack:
        assert set(seen.lines("container-names")) == {service.name for service in node.stack.containers}
