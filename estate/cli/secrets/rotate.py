"""`estate secrets rotate`: a new value, deployed and proven, or the old one again."""

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
from estate.secret_store.rotation_steps import EstateSteps
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
        EstateSteps(estate, backend, sealed).deploy()
        for name, stack in estate.stacks.items():
            if stack is not backend.stack:
                continue
            script = f"{stack.scripts_dir}/load-secrets.sh --check"
            outcome = run_as_root(name, estate.ssh[name], script)
            if outcome.code not in (0, 2):
                raise EstateFaults([Fault(f"{name}/load-secrets.sh", outcome.stderr.strip()[-500:], "see above")])

    RotateToken(backend, sealed, _say).run(who, load)


def _checked(backend: Backend, name: str) -> SecretSpec:
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
    name: Annotated[str, typer.Argument(help=f"The secret's name, or one of {', '.join(TOKENS)}.")],
    from_file: FromFile = None,
) -> None:
    """Give a secret a new value everywhere, prove it, prove the old one dead; or bring the old one back."""
    with readable_faults():
        estate = load_estate(inventory.resolve())
        backend = backend_of(estate)
        sealed = backend.file.open()
        if not is_live(backend, sealed) or sealed.access is None:
            raise EstateFaults([Fault("infisical", "is not set up", "deploy first: the first deploy sets it up")])
        spec = None if name in TOKENS else _checked(backend, name)
        try:
            outcome = _rotated(estate, backend, sealed, name, spec, from_file)
        except EstateFaults as error:
            raise EstateFaults(error.faults, aftermath="") from None
    out.print(f"{name} is rotated; {outcome}")


def _rotated(
    estate: Estate, backend: Backend, sealed: Sealed, name: str, spec: SecretSpec | None, from_file: Path | None
) -> str:
    if spec is None:
        _rotate_token(estate, backend, sealed, TOKENS[name])
        return "the old one is revoked"
    steps = EstateSteps(estate, backend, sealed)
    Rotate(sealed, backend.file.save, steps, _say).run(spec, lambda: _new_values(spec, from_file))
    return f"recreated: {', '.join(steps.recreated) or 'nothing'}"
