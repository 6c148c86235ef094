"""Expression policies: Python that the blueprints bring, run with the names that Authentik gives it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from lab.standins.authentik.blueprints import OBJECT
from lab.standins.authentik.people import Person
from lab.standins.rows import Row, Store

ANONYMOUS = Person(0, "AnonymousUser", "", "", ())


@dataclass(frozen=True)
class PolicyRequest:
    """What a policy is asked about."""

    user: Person
    client_ip: str
    context: Mapping[str, Any] = field(default_factory=dict)


def _is_member(user: Person, **filters: str) -> bool:
    return filters["name"] in user.groups


def evaluate(expression: str, request: PolicyRequest) -> bool:
    """Run one expression; raises whatever it raises."""
    names: dict[str, Any] = {
        "request": request,
        "context": request.context,
        "ak_client_ip": ip_address(request.client_ip),
        "ip_network": ip_network,
        "ip_address": ip_address,
        "ak_is_group_member": _is_member,
    }
    source = f"def policy():\n{textwrap.indent(expression, '    ')}\n"
    exec(compile(source, "policy", "exec"), names)  # noqa: S102 - the estate's own blueprint, as Authentik does it
    return bool(names["policy"]())


class Policies:
    """The bindings between policies, groups and what they guard."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def passes(self, target: Row, request: PolicyRequest) -> bool:
        """Whether everything bound to the target (all or any, as it says) passes; nothing bound passes."""
        bindings = [row for row in self.store.every(OBJECT, target=target["pk"]) if row["enabled"] and _is_bound(row)]
        results = [self._passes(row, request) for row in sorted(bindings, key=lambda row: row["order"])]
        return not results or (all if target.get("policy_engine_mode") == "all" else any)(results)

    def _passes(self, binding: Row, request: PolicyRequest) -> bool:
        if group := binding.get("group"):
            name = (self.store.get(OBJECT, group) or {}).get("name")
            return (name in request.user.groups) is not binding["negate"]
        policy = self.store.get(OBJECT, binding["policy"]) or {}
        try:
            passing = evaluate(policy["expression"], request)
        except Exception as fault:  # as Authentik: an expression that fails counts as `failure_result`
            print(f"policy {policy.get('name')}: {fault!r}", file=sys.stderr)
            return bool(binding.get("failure_result", False))
        return passing is not binding["negate"]


def _is_bound(row: Row) -> bool:
    return bool(row["model"] == "authentik_policies.policybinding")
