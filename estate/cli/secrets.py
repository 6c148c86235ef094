"""`estate secrets`: make the local secrets file of an inventory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr

from estate.cli.errors import out, readable_faults
from estate.models.faults import EstateFaults, Fault, did_you_mean
from estate.models.secret import SecretKind, SecretSpec
from estate.secrets.generate import generate
from estate.secrets.source import FileSource, default_path

if TYPE_CHECKING:
    from estate.inventory import Estate

app = typer.Typer(name="secrets", help="The estate's secrets.", no_args_is_help=True)


def _specs(estate: "Estate") -> dict[str, SecretSpec]:
    return {name: spec for stack in estate.stacks.values() for name, spec in stack.secrets().items()}


def _external(spec: SecretSpec, lab: bool) -> str:
    if lab:
        return "-1001" if spec.kind is SecretKind.INTEGER else f"lab-only-{spec.name.lower().replace('_', '-')}"
    return str(typer.prompt(f"{spec.name} ({spec.purpose})", hide_input=True))


@app.callback()
def _group() -> None:
    """The estate's secrets."""


@app.command()
def show(
    inventory: Annotated[Path, typer.Argument(help="An inventory file.")],
    name: Annotated[str, typer.Argument(help="The secret's name.")],
) -> None:
    """Print one secret's value, for a person to use."""
    from estate.inventory import load

    with readable_faults():
        values = FileSource(default_path(load(inventory.resolve()).name)).load()
        if name not in values:
            raise EstateFaults([Fault(f"secrets/{name}", "no such secret", did_you_mean(name, values))])
    typer.echo(values[name].get_secret_value())


@app.command()
def init(inventory: Annotated[Path, typer.Argument(help="An inventory file.")]) -> None:
    """Generate what is missing in the secrets file and ask for what cannot be generated; keep the rest."""
    from estate.inventory import load

    with readable_faults():
        estate = load(inventory.resolve())
        source = FileSource(default_path(estate.name))
        values = dict(source.load()) if source.path.exists() else {}
        made = 0
        for name, spec in sorted(_specs(estate).items()):
            if name in values and values[name].get_secret_value().strip():
                continue
            new = generate(spec) if spec.generated else {name: _external(spec, estate.name == "lab")}
            values |= {key: SecretStr(value) for key, value in new.items()}
            source.save(values)
            made += 1
    out.print(f"{source.path}: {made} secrets made, {len(_specs(estate))} in all", markup=False)
