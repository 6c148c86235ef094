"""Order between hosts: what others log in to is deployed before them."""

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation


@operation()
def _meet() -> Generator[StringCommand, None, None]:
    """Do nothing, on every host that takes part."""
    host.noop("nothing to do but to wait for each other")
    yield from ()


@deploy("Order")
def servers_first() -> None:
    """Let no host go on before all have come here.

    pyinfra sorts operations topologically, each host's own sequence being the edges: hosts go side by side, but where
    they have an operation in common, all that came before it on any of them comes before it
    (pyinfra.api.state.State.get_op_order).
    """
    _meet(name="Servers before their clients")
