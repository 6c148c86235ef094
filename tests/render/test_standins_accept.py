"""The lab's stand-ins take the rendered configuration which the real services will get."""

from pathlib import Path

import factories

from estate.models.stack_settings import HeadscaleSettings
from estate.render.templates import render
from lab.standins.alloy.config import load as load_alloy
from lab.standins.headscale.config import parse as parse_headscale

from .rendered import write


def test_alloy_ships_the_hosts_and_the_containers_logs(tmp_path: Path) -> None:
    config = load_alloy((write(factories.stack(), "alloy", tmp_path) / "config.alloy").read_text())
    jobs = {target["job"] for source in config.sources for target in source.targets}
    assert jobs == {"host", "containers"}
    assert [write.urls for write in config.writes.values()] == [("http://loki:3100/loki/api/v1/push",)]


def test_headscale_listens_where_the_declaration_says() -> None:
    stack = factories.stack()
    service = stack.service("headscale")
    settings = HeadscaleSettings(base_domain="tail.example.net")
    host = factories.mainframe().model_copy(update={"headscale": settings})
    config = parse_headscale(render("headscale/config.yaml.j2", host=host, stack=stack, service=service))
    assert config.listen[1] == service.port
    assert service.metrics is not None
    assert config.metrics is not None
    assert config.metrics[1] == service.metrics.port
