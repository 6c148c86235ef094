"""`estate docs`: write docs/generated, or check that it is fresh."""

from pathlib import Path
from typing import Annotated

import typer

from estate.cli.errors import FAILED, err, out, readable_faults
from estate.docs import HEAD, homelab_page, secrets_page, services_page
from estate.edge.fleet_map import fleet_map
from estate.edge.fleet_page import fleet_page
from estate.models.host import StackHost
from estate.render.templates import ROOT
from estate.topology import topology
from lab.images import markdown_table

DIRECTORY = ROOT / "docs" / "generated"


def pages() -> dict[Path, str]:
    """Every generated page of the production estate, by path."""
    from estate.inventory import load

    estate = load((ROOT / "inventories" / "prod.py").resolve())
    name, stack = next(iter(estate.stacks.items()))
    host = estate.hosts[name]
    found = {
        DIRECTORY / "services.md": services_page(stack),
        DIRECTORY / "secrets.md": secrets_page(stack, host.backups if isinstance(host, StackHost) else None),
        DIRECTORY / "homelab.md": homelab_page({n: s for n, s in estate.stacks.items() if n != name}, estate.hosts),
        DIRECTORY / "topology.svg": topology(stack, estate.hosts, name),
        DIRECTORY / "lab-images.md": f"{HEAD}# Images of the lab\n\n{markdown_table()}\n",
    }
    if estate.mesh is not None:
        found |= {
            DIRECTORY / "fleet.md": f"{HEAD}{fleet_page(estate.mesh)}",
            DIRECTORY / "fleet.svg": fleet_map(estate.mesh),
        }
    return found


def docs(check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when stale.")] = False) -> None:
    """Write the generated documentation from the declarations."""
    with readable_faults():
        wanted = pages()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        err.print(f"stale: {names}; run `make docs` and commit", markup=False)
        raise typer.Exit(FAILED)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
    out.print(f"{len(wanted)} pages, {len(stale)} {'stale' if check else 'written'}")
