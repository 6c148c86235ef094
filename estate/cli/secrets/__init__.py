"""`estate secrets`: make, look at, check, move and rotate an estate's secrets."""

import typer

from estate.cli.secrets import audit, base, reset, rotate, sync

app = typer.Typer(name="secrets", help="The estate's secrets.", no_args_is_help=True)
for _command in (base.keygen, base.init, base.status, audit.audit, base.show, base.set_, base.remove, rotate.rotate):
    app.command(_command.__name__.rstrip("_"))(_command)
for _command in (sync.seal, sync.push, sync.pull, sync.diff, reset.reset):
    app.command(_command.__name__)(_command)
