"""Uptime Kuma's API: socket.io is the only one that writes (louislam/uptime-kuma issues 118, 1343, 7151).

Over python-socketio itself. The wrappers on PyPI (uptime-kuma-api, -api2, -api-v2, -api-ng) are forks by one person
each, 160 to 200 kB of code for every kind of monitor, tied to releases of Kuma; we need ten events, which have kept
their form from 2.0.0-dev.0 to 2.5.3.
"""

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import socketio
from pydantic import SecretStr
from socketio.exceptions import SocketIOError
from socketio.exceptions import TimeoutError as SocketTimeoutError

from estate.clients.errors import (
    ApiError,
    BadAnswerError,
    RateLimitedError,
    RejectedError,
    UnauthorisedError,
    UnreachableError,
)
from estate.edge.monitors import Changes, Json, Monitor, changes, notified, ours

WHERE = "uptime-kuma"
_AWAY = "see whether uptime-kuma runs on the hub, and whether this machine is in the WireGuard mesh"
_WRONG = "correct the user and the password of Uptime Kuma"


class Kuma:
    """A connection to one Kuma; use it as a context manager. All methods raise ApiError.

    + url: http://10.84.0.1:3001 from an operator's machine
    + timeout: seconds for one answer
    """

    def __init__(self, url: str, *, timeout: float = 20) -> None:
        self._url, self._timeout = url, timeout
        self._socket = socketio.Client(reconnection=False, request_timeout=timeout)
        self._events: dict[str, Any] = {}
        self._greeted, self._informed = threading.Event(), threading.Event()
        for name in ("info", "monitorList", "notificationList"):
            self._socket.on(name, lambda data, name=name: self._keep(name, data))

    def _keep(self, name: str, data: Any) -> None:
        self._events[name] = data
        self._greeted.set()
        if name == "info" and isinstance(data, dict) and data.get("version"):
            self._informed.set()

    def __enter__(self) -> Self:
        try:
            self._socket.connect(self._url, transports=["websocket"], wait_timeout=self._timeout)
        except (SocketIOError, OSError, ValueError) as error:
            raise UnreachableError(WHERE, f"no connection to {self._url}: {type(error).__name__}", _AWAY) from error
        # Kuma greets with "info" and only then listens: what is said before is lost (server/server.js)
        if not self._greeted.wait(self._timeout):
            self._socket.disconnect()
            raise UnreachableError(WHERE, f"{self._url} connects and says nothing", _AWAY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.disconnect()

    def _call(self, event: str, *arguments: Any) -> Any:
        try:
            return self._socket.call(event, tuple(arguments), timeout=self._timeout)
        except SocketTimeoutError as error:
            raise UnreachableError(WHERE, f"no answer to {event} in {self._timeout:g} s", _AWAY) from error
        except (SocketIOError, OSError) as error:
            raise UnreachableError(WHERE, f"{event}: {type(error).__name__}", _AWAY) from error

    def _do(self, event: str, *arguments: Any) -> Json:
        """Call, and give the answer when Kuma says that it is well."""
        answer = self._call(event, *arguments)
        if not isinstance(answer, dict):
            raise BadAnswerError(WHERE, f"{event}: the answer is not an object", "see what answers at this address")
        if answer.get("ok") is not True:
            raise _error(event, answer)
        return answer

    @property
    def version(self) -> str:
        """Kuma's version; it tells it after login only."""
        if not self._informed.wait(self._timeout):
            raise BadAnswerError(WHERE, "it did not tell its version", "log in first")
        return str(self._events["info"]["version"])

    def needs_setup(self) -> bool:
        """Whether there is no user yet."""
        return self._call("needSetup") is True

    def setup(self, user: str, password: SecretStr) -> None:
        """Make the first user, when there is none."""
        self._do("setup", user, password.get_secret_value())

    def login(self, user: str, password: SecretStr) -> SecretStr:
        """Log in; gives a token that `resume` takes."""
        answer = self._do("login", {"username": user, "password": password.get_secret_value(), "token": ""})
        return SecretStr(str(answer.get("token", "")))

    def resume(self, token: SecretStr) -> None:
        """Log in by a token of before."""
        self._do("loginByToken", token.get_secret_value())

    def monitors(self) -> dict[int, Json]:
        """All monitors by id."""
        return {int(number): found for number, found in self._listed("monitorList", "getMonitorList").items()}

    def _listed(self, event: str, call: str) -> Json:
        self._events.pop(event, None)
        self._do(call)
        found = self._events.get(event)  # comes before the answer, on the same connection
        if not isinstance(found, dict):
            raise BadAnswerError(WHERE, f"{call} brought no {event}", "see Kuma's log")
        return found

    def notifications(self) -> list[Json]:
        """The notification providers; Kuma tells them at login and after each change."""
        found = self._events.get("notificationList")
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    def notify_by(self, name: str, kind: str, settings: Mapping[str, str | bool | SecretStr]) -> int:
        """Add a notification provider, or bring the one of this name to these settings; its id.

        + kind: Kuma's name of the provider: webhook, ntfy, smtp, telegram, …
        + settings: the provider's own, such as webhookURL
        """
        known = [int(item["id"]) for item in self.notifications() if item.get("name") == name]
        plain = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in settings.items()}
        wanted = {"name": name, "type": kind, "isDefault": False, "applyExisting": False, **plain}
        answer = self._do("addNotification", wanted, known[0] if known else None)
        return int(answer["id"])

    def add(self, monitor: Monitor, parent: int | None, notifications: Sequence[int] = ()) -> int:
        """Add a monitor; its id."""
        settings: Json = {"accepted_statuscodes": ["200-299"], **monitor.settings, "parent": parent}
        settings["notificationIDList"] = notified(monitor, notifications)
        if "-dev" not in self.version:
            settings["conditions"] = []  # required since 2.0.0-beta.1, unknown before
        return int(self._do("add", settings)["monitorID"])

    def edit(
        self, number: int, present: Json, monitor: Monitor, parent: int | None, notifications: Sequence[int] = ()
    ) -> None:
        """Bring a monitor to what is wanted; what we do not manage stays as Kuma lists it."""
        told = {"parent": parent, "notificationIDList": notified(monitor, notifications)}
        self._do("editMonitor", {**present, **monitor.settings, **told, "id": number})

    def delete(self, number: int) -> None:
        """Delete a monitor and its history."""
        self._do("deleteMonitor", number)

    def beats(self, number: int, hours: float = 1) -> list[Json]:
        """The heartbeats of a monitor, oldest first: `status` (1 up, 0 down, 2 pending), `msg`, `ping`, `time`."""
        data = self._do("getMonitorBeats", number, hours).get("data")
        return [beat for beat in data if isinstance(beat, dict)] if isinstance(data, list) else []


def provision(kuma: Kuma, monitors: Sequence[Monitor], notifications: Sequence[int] = ()) -> Changes:
    """Bring Kuma to these monitors and say what was changed; nothing is done when nothing differs.

    Raises ApiError; what was done before it stays, and the next run goes on from there.
    """
    present = kuma.monitors()
    todo = changes(monitors, present, notifications)
    ids = ours(present)
    for monitor in todo.add:
        ids[monitor.key] = kuma.add(monitor, ids.get(monitor.parent), notifications)
    for item in todo.edit:
        kuma.edit(item.id, present[item.id], item.monitor, ids.get(item.monitor.parent), notifications)
    # a member goes before its group: Kuma releases the members of a group that goes first
    for number in sorted(todo.delete, key=lambda found: present[found].get("type") == "group"):
        kuma.delete(number)
    return todo


def ensure_user(kuma: Kuma, user: str, password: SecretStr) -> bool:
    """Make the first user when there is none, and log in; whether it was made."""
    made = kuma.needs_setup()
    if made:
        kuma.setup(user, password)
    kuma.login(user, password)
    return made


def _error(event: str, answer: Mapping[str, Any]) -> ApiError:
    """The error of an answer that is not well. Kuma's message is a text, or the key of one."""
    if answer.get("tokenRequired"):
        return UnauthorisedError(WHERE, "the user has two-factor authentication", "use a user without it")
    text = str(answer.get("msg"))[:200]
    low = text.lower()
    if "too frequently" in low or "ratelimit" in low:
        return RateLimitedError(WHERE, f"{event}: {text}", "wait a minute and run it again", transient=True)
    if "incorrect" in low or "authinvalidtoken" in low or "not logged in" in low:
        return UnauthorisedError(WHERE, f"{event}: {text}", _WRONG)
    if "weak" in low:
        return RejectedError(WHERE, f"{event}: {text}", "choose a longer password, of letters and digits")
    return RejectedError(WHERE, f"{event}: {text}", "read Kuma's log")
