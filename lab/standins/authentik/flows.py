"""The flow executor: one stage after the other, each asked for when its policies say so.

Challenges and answers have the shape of Authentik's API (`/api/v3/flows/executor/SLUG/`), so that a client of this
one is a client of that one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.standins.authentik.blueprints import OBJECT
from lab.standins.authentik.people import Person
from lab.standins.authentik.policies import ANONYMOUS, Policies, PolicyRequest
from lab.standins.authentik.stages import STAGES, Denied, Passed, Stage, Tools
from lab.standins.rows import Row, Store

BINDING = "authentik_flows.flowstagebinding"


@dataclass
class Flow:
    """A flow under way in one session. `session` is changed in place; whoever calls keeps it."""

    store: Store
    tools: Tools
    session: Row
    finish: Callable[[Row], str]

    @classmethod
    def of(cls, store: Store, tools: Tools, session: Row, slug: str, finish: Callable[[Row], str]) -> Flow:
        """Take a flow up, or begin it when another one was under way."""
        if session.get("flow") != slug:
            session |= {"flow": slug, "position": 0, "stage": {}, "pending": None, "factors_shown": []}
        return cls(store, tools, session, finish)

    def _bindings(self) -> list[Row]:
        slug = self.session["flow"]
        flow = next(iter(self.store.every(OBJECT, model="authentik_flows.flow", slug=slug)), None)
        bindings = self.store.every(OBJECT, model=BINDING, target=flow["pk"]) if flow else []
        return sorted(bindings, key=lambda row: row["order"])

    def _request(self) -> PolicyRequest:
        user = self.tools.people.find(self.session.get("user") or "") or ANONYMOUS
        pending = self._pending()
        return PolicyRequest(user, self.tools.client_ip, {"pending_user": pending} if pending else {})

    def _pending(self) -> Person | None:
        return self.tools.people.find(self.session.get("pending") or self.session.get("user") or "")

    def _stage(self, binding: Row) -> Stage:
        row = self.store.get(OBJECT, self.session["stage"].get("instead") or binding["stage"]) or {}
        return STAGES[row["model"]](self.tools, self.session, row, self._pending())

    def challenge(self) -> dict[str, Any]:
        """What is asked next; stages that ask nothing are passed by."""
        bindings = self._bindings()
        while self.session["position"] < len(bindings):
            binding = bindings[self.session["position"]]
            if not self.session["stage"] and not Policies(self.store).passes(binding, self._request()):
                self.session["position"] += 1
                continue
            asked = self._stage(binding).challenge()
            if isinstance(asked, Passed):
                self._next()
                continue
            if isinstance(asked, Denied):
                return self._denied(asked.why)
            self.session["stage"] |= {"asked": True}
            return {"flow_info": {"title": self.session["flow"]}, **asked}
        to = self.finish(self.session)
        self.session |= {"flow": None, "stage": {}}
        return {"component": "xak-flow-redirect", "to": to}

    def answer(self, data: dict[str, Any]) -> dict[str, Any]:
        """Take an answer, and say what is asked next."""
        bindings = self._bindings()
        if self.session["position"] >= len(bindings) or not self.session["stage"].get("asked"):
            return self.challenge()
        result = self._stage(bindings[self.session["position"]]).answer(data)
        if isinstance(result, Passed):
            self._next()
        elif isinstance(result, Denied):
            return self._denied(result.why)
        elif isinstance(result, str):
            return {**self.challenge(), "response_errors": {"non_field_errors": [{"string": result}]}}
        return self.challenge()

    def _next(self) -> None:
        self.session["position"] += 1
        self.session["stage"] = {}

    def _denied(self, why: str) -> dict[str, Any]:
        who = self.session.get("pending") or self.session.get("user") or ""
        self.tools.events.add("policy_exception", who, self.tools.client_ip, message=why, flow=self.session["flow"])
        self.session |= {"flow": None, "stage": {}}
        return {"component": "ak-stage-access-denied", "error_message": why}
