"""`estate secrets rotate`: a new value, deployed and proven, or the old one again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from estate.cli.errors import out, readable_faults
from estate.cli.secrets.base import FromFile
from estate.cli.secrets.common import InventoryArgument, ask, is_live
from estate.inventory import Estate
from estate.inventory import load as load_estate
from estate.models.faults import EstateFaults, Fault, did_you_mean
from estate.models.secret import SecretSpec
from estate.remote import run_as_root
from estate.secret_store.backend import Backend, backend_of
from estate.secret_store.rotation_steps import EstateSteps, users
from estate.secret_store.tokens import TOKENS, RotateToken
from estate.secrets.env_file import read_values
from estate.secrets.generate import generate
from estate.secrets.rotate import Rotate, refusal
from estate.secrets.sealed import Sealed


def _say(text: str) -> None:
    out.print(f"· {text}", markup=False)


def _rotate_token(estate: Estate, backend: Backend, sealed: Sealed, who: str) -> None:
    def load() -> None:
        if who != "host":
            return
        for name, stack in estate.stacks.items():
            if stack is not backend.stack:
                continue
            EstateSteps(estate, backend, sealed, hosts=(name,)).deploy()
            script = f"{stack.scripts_dir}/load-secrets.sh --check"
            outcome = run_as_root(name, estate.ssh[name], script)
            if outcome.code not in (0, 2):
                raise EstateFaults([Fault(f"{name}/load-secrets.sh", outcome.stderr.strip()[-500:], "see above")])

    RotateToken(backend, sealed, _say).run(who, load)


def _checked(backend: Backend, name: str) -> SecretSpec:
    if name in TOKENS:
        raise EstateFaults([Fault(f"secrets/{name}", "is rotated by itself", "give it alone")])
    provable = backend.stack is not None and any(c.secret == name for _, c in backend.stack.credentials())
    spec = backend.specs.get(name)
    if reason := refusal(spec, name, provable):
        remedy = did_you_mean(name, [*backend.specs, *TOKENS]) if spec is None else "see docs/secrets.md"
        raise EstateFaults([Fault(f"secrets/{name}", f"cannot be rotated: {reason}", remedy)])
    assert spec is not None  # noqa: S101
    return spec


def _new_values(spec: SecretSpec, from_file: Path | None) -> dict[str, str]:
    given = read_values(from_file) if from_file else {}
    if spec.name in given:
        return {spec.name: given[spec.name]}
    return generate(spec) if spec.generated else {spec.name: ask(spec.name, spec.purpose)}


def rotate(
    inventory: InventoryArgument,
    names: Annotated[
        list[str], typer.Argument(metavar="NAME…", help=f"Names of secrets, or one of {', '.join(TOKENS)}.")
    ],
    from_file: FromFile = None,
) -> None:
    """Give secrets new values everywhere, prove them, prove the old ones dead; or bring the old ones back."""
    with readable_faults():
        estate = load_estate(inventory.resolve())
        backend = backend_of(estate)
        sealed = backend.file.open()
        if not is_live(backend, sealed) or sealed.access is None:
            raise EstateFaults([Fault("infisical", "is not set up", "deploy first: the first deploy sets it up")])
        try:
            if names[0] in TOKENS and len(names) == 1:
                _rotate_token(estate, backend, sealed, TOKENS[names[0]])
                outcome = "the old one is revoked"
            else:
                outcome = _rotate(estate, backend, sealed, [_checked(backend, name) for name in names], from_file)
        except EstateFaults as error:
            raise EstateFaults(error.faults, aftermath="") from None
    out.print(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} rotated; {outcome}")


def _rotate(
    estate: Estate, backend: Backend, sealed: Sealed, specs: Sequence[SecretSpec], from_file: Path | None
) -> str:
    hosts = sorted({host for spec in specs for host in users(estate, spec.name)})
    steps = EstateSteps(estate, backend, sealed, hosts)

    def make() -> dict[str, str]:
        return {name: value for spec in specs for name, value in _new_values(spec, from_file).items()}

    Rotate(sealed, backend.file.save, steps, _say).run(specs, make)
    return f"recreated: {', '.join(steps.recreated) or 'nothing'}"
