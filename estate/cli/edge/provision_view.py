"""How `estate edge plan` shows nodes, costs and DNS records."""

from rich.table import Table

from estate.cli.errors import out
from estate.edge.provision import Outline, Row

_DOES = {
    "create": "order it",
    "wait": "wait for it",
    "nothing": "nothing",
    "adopt": "nothing",
    "refused": "refused, see below",
    "unknown": "order it, if it is not there",
}


def show(found: Outline) -> None:
    """Print the table, the costs, DNS, and what could not be seen."""
    table = Table("node", "provider", "region", "plan", "USD a month", "machine", "create would")
    for row in found.rows:
        node = row.node
        price = "?" if row.price is None else f"{row.price:.2f}"
        table.add_row(
            node.name, node.provider, node.region, node.plan, price, _machine(row, unseen=found.unseen), _does(row)
        )
    out.print(table)
    _print(costs_line(found))
    for machine in found.undeclared:
        where = f"{machine.id}, {machine.plan} in {machine.region}"
        _print(f"undeclared: {machine.label} ({where}): `estate edge destroy {machine.label}`")
    for change in found.dns.changes:
        _print(f"dns: {change}")
    for line in found.silent:
        _print(f"could not ask {line}")


def costs_line(found: Outline) -> str:
    """The fleet's price against the budget."""
    unknown = f", and {len(found.unpriced)} nodes of unknown price" if found.unpriced else ""
    return f"{found.fleet_total:.2f} USD a month of {found.budget:.2f}{unknown}"


def costs(found: Outline) -> str:
    """The question before something is ordered."""
    new = [row for row in found.rows if row.action == "create"]
    price = sum(row.price or 0.0 for row in new)
    parts = [f"order {len(new)} machines for {price:.2f} USD a month"] if new else []
    parts += [f"wait for {n}" for n in [sum(row.action == "wait" for row in found.rows)] if n]
    writes = sum(change.kind != "remove" for change in found.dns.changes)
    parts += [f"write {writes} DNS records"] if writes else []
    text = ", ".join(parts)
    return f"{text[:1].upper()}{text[1:]}?"


def _machine(row: Row, *, unseen: bool) -> str:
    if row.machine is not None:
        return row.machine.address or "being made"
    if row.action == "adopt":
        return row.address or "address not declared"
    return "not known" if unseen else "none"


def _does(row: Row) -> str:
    text = _DOES[row.action]
    if row.action == "create" and row.route:
        text += f" ({'Debian, then nixos-infect' if row.route == 'infect' else 'from the image'})"
    return "; ".join([text, *row.notes])


def _print(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)
