"""One declaration a service, a file each; CATALOG is all of them by name."""

from importlib import import_module
from pkgutil import iter_modules

from estate.models.service import Service


def _discover() -> dict[str, Service]:
    found: dict[str, Service] = {}
    for module in iter_modules(__path__):
        declared = [v for v in vars(import_module(f"{__name__}.{module.name}")).values() if isinstance(v, Service)]
        for service in declared:
            found[service.name] = service
    return dict(sorted(found.items()))


CATALOG: dict[str, Service] = _discover()
"""Every service that can be named in group_data, by name."""
