"""What a host changes of a service of the catalog: its image and its limits."""

from pydantic import ValidationError

from estate.models.faults import Fault
from estate.models.host import StackHost
from estate.models.image import image
from estate.models.service import Limits, Service


def overridden(service: Service, host: StackHost, where: str) -> tuple[Service, list[Fault]]:
    """The service as this host runs it, and what is wrong with the changes.

    + where: the origin of the host's data, for the faults
    """
    changes: dict[str, object] = {}
    faults = []
    if reference := host.images.get(service.name):
        try:
            changes["image"] = image(reference)
        except ValueError as error:
            faults.append(Fault(f"{where}/images/{service.name}", str(error)))
    if change := host.limits.get(service.name):
        declared = service.limits.model_dump() if service.limits else {}
        try:
            changes["limits"] = Limits(**declared | change.model_dump(exclude_none=True))
        except ValidationError:
            remedy = "the service declares none: say both cpus and memory"
            faults.append(Fault(f"{where}/limits/{service.name}", "is not whole", remedy))
    return service.model_copy(update=changes), faults
