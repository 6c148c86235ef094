"""Uptime Kuma on the hub, brought to the monitors that follow from the list of nodes."""

from collections.abc import Mapping

from pydantic import SecretStr

from estate.clients import kuma
from estate.clients.errors import ApiError
from estate.edge.monitors import Changes, wanted
from estate.edge.secrets import KUMA_PASSWORD
from estate.models.edge import Mesh
from estate.models.faults import EstateFaults

USER = "estate"


def provision(mesh: Mesh, values: Mapping[str, str]) -> Changes:
    """Make Uptime Kuma's first user when there is none, and our monitors; says what was changed.

    + values: the estate's secrets
    Raises EstateFaults.
    """
    url = f"http://{mesh.address(mesh.hub)}:{mesh.kuma_port}"
    try:
        with kuma.Kuma(url) as session:
            kuma.ensure_user(session, USER, SecretStr(values[KUMA_PASSWORD]))
            return kuma.provision(session, wanted(mesh, SecretStr(values[mesh.push_seed])))
    except ApiError as error:
        raise EstateFaults([error.fault]) from None
