"""Rotation: a new value is written, deployed and proven, the old one proven dead; else the old one returns.

Several secrets are rotated together, with one deploy: all of them, or none.
The sealed copy remembers both values while it lasts: interrupted at any point, a second run finishes it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from estate.models.faults import EstateFaults, Fault
from estate.models.secret import SecretKind, SecretSpec
from estate.secrets.generate import plain_name
from estate.secrets.sealed import Rotation, Sealed


@dataclass(frozen=True)
class Proof:
    """Whether a service let a value in, and what it said when it did not."""

    let_in: bool
    said: str = ""

    def __bool__(self) -> bool:
        return self.let_in


class Steps(Protocol):
    """What a rotation does to the world; every step raises EstateFaults when it fails."""

    def pending(self) -> list[str]:
        """What a deploy would change now."""
        ...

    def write(self, values: Mapping[str, str]) -> None:
        """Give Infisical these values."""
        ...

    def deploy(self, *, sealed: bool = False) -> None:
        """Converge; from the sealed copy when Infisical itself may be what is broken."""
        ...

    def works(self, name: str, value: str, *, patient: bool = True) -> Proof:
        """Whether the service lets this value in; asked a few times when it ought to and does not."""
        ...


def proof_name(spec: SecretSpec) -> str:
    """The name whose value a login takes: of a hash, the password behind it."""
    return plain_name(spec) if spec.kind is SecretKind.ARGON2 else spec.name


def refusal(spec: SecretSpec | None, name: str, provable: bool) -> str:
    """Why a secret cannot be rotated; empty when it can."""
    if spec is None:
        return "no service declares it"
    if spec.fixed:
        return spec.fixed
    return "" if provable else "no service declares how to prove it (credentials)"


def _fault(spec: SecretSpec, text: str, proof: Proof, remedy: str) -> Fault:
    return Fault(f"secrets/{spec.name}", f"{text} ({proof.said})" if proof.said else text, remedy)


def _names(specs: Sequence[SecretSpec]) -> str:
    """How a rotation of these is called: the arguments of its command."""
    return " ".join(sorted(spec.name for spec in specs))


class Rotate:
    """One rotation."""

    def __init__(
        self, sealed: Sealed, save: Callable[[Sealed], None], steps: Steps, say: Callable[[str], None]
    ) -> None:
        self.sealed, self.save, self.steps, self.say = sealed, save, steps, say

    def run(self, specs: Sequence[SecretSpec], make: Callable[[], Mapping[str, str]]) -> None:
        """Rotate secrets; finish the rotation of them that was interrupted, if there is one.

        + make: new values by name; a hash comes with the password behind it
        Raises EstateFaults; the old values are in force again unless it says otherwise.
        """
        under_way = self.sealed.rotation
        if under_way is None:
            under_way = self._begin(specs, make)
        elif under_way.name != _names(specs):
            remedy = f"`estate secrets rotate {under_way.name}` finishes it"
            raise EstateFaults([Fault(f"secrets/{under_way.name}", "its rotation was interrupted", remedy)])
        old = {name: value.get_secret_value() for name, value in under_way.old.items()}
        new = {name: value.get_secret_value() for name, value in under_way.new.items()}
        try:
            self._change(specs, old, new)
        except EstateFaults as error:
            self._return(specs, old, error)
        self.sealed.rotation = None
        self.save(self.sealed)

    def _begin(self, specs: Sequence[SecretSpec], make: Callable[[], Mapping[str, str]]) -> Rotation:
        self.say("is everything as declared, and the present value in force?")
        if changes := self.steps.pending():
            fault = f"{len(changes)} changes are pending ({changes[0]}, …)"
            remedy = "deploy first: a rotation changes nothing but its secret"
            raise EstateFaults([Fault(f"secrets/{_names(specs)}", fault, remedy)])
        present = self.sealed.values()
        remedy = "see `estate secrets status`; `estate secrets seal` when it was changed in Infisical"
        self._prove(specs, present, "the sealed copy's value is not the one in force", remedy)
        new = make()
        under_way = Rotation(
            name=_names(specs),
            old={name: SecretStr(present[name]) for name in new if name in present},
            new={name: SecretStr(value) for name, value in new.items()},
        )
        self.sealed.rotation = under_way
        self.save(self.sealed)
        return under_way

    def _prove(self, specs: Sequence[SecretSpec], values: Mapping[str, str], text: str, remedy: str) -> None:
        """Raise EstateFaults with every secret whose service does not let its value in."""
        proofs = [(spec, self.steps.works(spec.name, values.get(proof_name(spec), ""))) for spec in specs]
        if faults := [_fault(spec, text, proof, remedy) for spec, proof in proofs if not proof]:
            raise EstateFaults(faults)

    def _change(self, specs: Sequence[SecretSpec], old: Mapping[str, str], new: Mapping[str, str]) -> None:
        self.say("write the new value")
        self.steps.write(new)
        self.sealed.put(new)
        self.save(self.sealed)
        self.say("deploy")
        self.steps.deploy()
        self.say("prove that the new value works and the old one does not")
        remedy = "read the log of its service"
        self._prove(specs, new, "the new value does not work", remedy)
        for spec in specs:
            name = proof_name(spec)
            if name in old and self.steps.works(spec.name, old[name], patient=False):
                raise EstateFaults([Fault(f"secrets/{spec.name}", "the old value still works", remedy)])

    def _return(self, specs: Sequence[SecretSpec], old: Mapping[str, str], cause: EstateFaults) -> None:
        """Bring the old value back; always raises."""
        self.say("that failed: back to the old value")
        self.sealed.put(old)
        self.save(self.sealed)
        try:
            self._write_back(old)
            self._prove(specs, old, "the old value does not work either", "see above")
        except EstateFaults as second:
            remedy = f"mend the cause, then `estate secrets rotate {_names(specs)}` goes on with the new value"
            last = Fault(f"secrets/{_names(specs)}", "NOT ROTATED, AND NOT RETURNED to the old value", remedy)
            raise EstateFaults([*cause.faults, *second.faults, last]) from None
        self.sealed.rotation = None
        self.save(self.sealed)
        fault = Fault(
            f"secrets/{_names(specs)}", "not rotated: the old value is in force again", "mend the cause above"
        )
        raise EstateFaults([*cause.faults, fault]) from None

    def _write_back(self, old: Mapping[str, str]) -> None:
        try:
            self.steps.write(old)
        except EstateFaults:
            # Infisical itself may be down because of this rotation: first its own containers, then its data
            self.steps.deploy(sealed=True)
            self.steps.write(old)
        else:
            self.steps.deploy()
