"""Rotation: a new value is written, deployed and proven, the old one proven dead; else the old one returns.

The sealed copy remembers both values while it lasts: interrupted at any point, a second run finishes it.
"""

from collections.abc import Callable, Mapping
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


def _fault(path: str, text: str, proof: Proof, remedy: str) -> Fault:
    return Fault(path, f"{text} ({proof.said})" if proof.said else text, remedy)


class Rotate:
    """One rotation."""

    def __init__(
        self, sealed: Sealed, save: Callable[[Sealed], None], steps: Steps, say: Callable[[str], None]
    ) -> None:
        self.sealed, self.save, self.steps, self.say = sealed, save, steps, say

    def run(self, spec: SecretSpec, make: Callable[[], Mapping[str, str]]) -> None:
        """Rotate a secret; finish the rotation of it that was interrupted, if there is one.

        + make: new values by name; a hash comes with the password behind it
        Raises EstateFaults; the old value is in force again unless it says otherwise.
        """
        under_way = self.sealed.rotation
        if under_way is None:
            under_way = self._begin(spec, make)
        elif under_way.name != spec.name:
            remedy = f"`estate secrets rotate {under_way.name}` finishes it"
            raise EstateFaults([Fault(f"secrets/{under_way.name}", "its rotation was interrupted", remedy)])
        old = {name: value.get_secret_value() for name, value in under_way.old.items()}
        new = {name: value.get_secret_value() for name, value in under_way.new.items()}
        try:
            self._change(spec, old, new)
        except EstateFaults as error:
            self._return(spec, old, error)
        self.sealed.rotation = None
        self.save(self.sealed)

    def _begin(self, spec: SecretSpec, make: Callable[[], Mapping[str, str]]) -> Rotation:
        path = f"secrets/{spec.name}"
        self.say("is everything as declared, and the present value in force?")
        if changes := self.steps.pending():
            fault = f"{len(changes)} changes are pending ({changes[0]}, …)"
            raise EstateFaults([Fault(path, fault, "deploy first: a rotation changes nothing but its secret")])
        present = self.sealed.values()
        if not (proof := self.steps.works(spec.name, present.get(proof_name(spec), ""))):
            remedy = "see `estate secrets status`; `estate secrets seal` when it was changed in Infisical"
            raise EstateFaults([_fault(path, "the sealed copy's value is not the one in force", proof, remedy)])
        new = make()
        under_way = Rotation(
            name=spec.name,
            old={name: SecretStr(present[name]) for name in new if name in present},
            new={name: SecretStr(value) for name, value in new.items()},
        )
        self.sealed.rotation = under_way
        self.save(self.sealed)
        return under_way

    def _change(self, spec: SecretSpec, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        self.say("write the new value")
        self.steps.write(new)
        self.sealed.put(new)
        self.save(self.sealed)
        self.say("deploy")
        self.steps.deploy()
        self.say("prove that the new value works and the old one does not")
        path, name = f"secrets/{spec.name}", proof_name(spec)
        if not (proof := self.steps.works(spec.name, new[name])):
            raise EstateFaults([_fault(path, "the new value does not work", proof, "read the log of its service")])
        if name in old and self.steps.works(spec.name, old[name], patient=False):
            raise EstateFaults([Fault(path, "the old value still works", "read the log of its service")])

    def _return(self, spec: SecretSpec, old: Mapping[str, str], cause: EstateFaults) -> None:
        """Bring the old value back; always raises."""
        self.say("that failed: back to the old value")
        self.sealed.put(old)
        self.save(self.sealed)
        try:
            self._write_back(old)
            if not (proof := self.steps.works(spec.name, old[proof_name(spec)])):
                fault = _fault(f"secrets/{spec.name}", "the old value does not work either", proof, "see above")
                raise EstateFaults([fault])
        except EstateFaults as second:
            remedy = f"mend the cause, then `estate secrets rotate {spec.name}` goes on with the new value"
            last = Fault(f"secrets/{spec.name}", "NOT ROTATED, AND NOT RETURNED to the old value", remedy)
            raise EstateFaults([*cause.faults, *second.faults, last]) from None
        self.sealed.rotation = None
        self.save(self.sealed)
        fault = Fault(f"secrets/{spec.name}", "not rotated: the old value is in force again", "mend the cause above")
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
