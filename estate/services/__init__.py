"""One declaration a service, a file each; CATALOG is all of them by name."""

from importlib import import_module
from pkgutil import iter_modules

from estate.models.service import Service


def _discover() -> dict[str, Service]:
    """Raises ValueError for a name that two services have: one name is one service in the whole estate."""
    found: dict[str, Service] = {}
    for module in iter_modules(__path__):
        declared = [v for v in vars(import_module(f"{__name__}.{module.name}")).values() if isinstance(v, Service)]
        for service in declared:
            if found.setdefault(service.name, service) is not service:
                raise ValueError(f"estate/services/{module.name}.py: {service.name} is declared twice")
    return dict(sorted(found.items()))


CATALOG: dict[str, Service] = _discover()
"""Every service that can be named in group_data, by name."""
