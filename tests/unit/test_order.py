"""The order between hosts: what pyinfra makes of a meeting in the middle."""

from collections.abc import Callable, Generator

import pyinfra
import pytest
from pyinfra.api import Config, Inventory, State, operation
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_config, ctx_host, ctx_state

from tasks.order import servers_first


@operation()
def _step() -> Generator[str, None, None]:
    yield "true"


def nothing() -> None:
    """No meeting."""


def deploy(name: str, meeting: Callable[[], None]) -> None:
    """As deploy.py: the client has less to do before the place where it needs its server."""
    if name == "server":
        _step(name="Server: first")
        _step(name="Server: second")
    meeting()
    if name == "client":
        _step(name="Client")


def names(meeting: Callable[[], None]) -> list[str]:
    state = State(Inventory((["client", "server"], {})), Config())
    state.set_stage(StateStage.Prepare)
    with ctx_state.use(state), ctx_config.use(state.config):
        for each in state.inventory:
            state.activate_host(each)
            with ctx_host.use(each):
                deploy(each.name, meeting)
    return [next(iter(state.get_op_meta(step).names)) for step in state.get_op_order()]


@pytest.mark.parametrize(("meeting", "goes_first"), [(servers_first, "Server: second"), (nothing, "Client")])
def test_no_client_is_deployed_before_its_server(meeting, goes_first, monkeypatch):
    # Else an operation of two hosts counts as two
    monkeypatch.setattr(pyinfra, "is_cli", True)
    order = names(meeting)
    assert sorted(["Client", "Server: second"], key=order.index)[0] == goes_first, order
