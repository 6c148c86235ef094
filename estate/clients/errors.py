"""What can go wrong with an API, as exceptions that say what to do about it.

ApiError
├── UnreachableError    no connection, no answer in time, or TLS that cannot be trusted
├── UnauthorisedError   401: the credentials are wrong, or locked for a while
├── TokenExpiredError   403: the token has expired or is not one (log in again, or replace it)
├── ForbiddenError      403: the token is good and the permission is missing
├── NotFoundError       404: no such project, environment, folder or secret
├── RejectedError       any other 4xx: the request itself
├── RateLimitedError    429, after all retries
├── ServerFaultError    5xx, after all retries
└── BadAnswerError      an answer that is not what the API promises
"""

from estate.models.faults import Fault


class ApiError(Exception):
    """An API call failed; `remedy` says what the operator can do."""

    remedy = "see the message"

    def __init__(
        self, where: str, fault: str, remedy: str = "", *, retry_after: float = 0, transient: bool = False
    ) -> None:
        super().__init__(f"{where}: {fault}")
        self.where, self.text = where, fault
        self.advice = remedy or self.remedy
        self.retry_after = retry_after
        """Seconds that the server asks to wait."""
        self.transient = transient
        """Whether the same request may work a little later."""

    @property
    def fault(self) -> Fault:
        """The error as a line of a report."""
        return Fault(self.where, self.text, self.advice)


class UnreachableError(ApiError):
    """No connection, no answer in time, or TLS that cannot be trusted."""

    remedy = "see whether it runs; `--secrets sealed` deploys from the break-glass copy"


class UnauthorisedError(ApiError):
    """401."""

    remedy = "wait for a lock to pass, then correct the client id and secret (docs/runbooks/rotate-a-token.md)"


class TokenExpiredError(ApiError):
    """403 because of the token itself."""

    remedy = "replace the token (docs/runbooks/rotate-a-token.md)"


class ForbiddenError(ApiError):
    """403 because of a missing permission."""

    remedy = "give the identity a role in the project"


class NotFoundError(ApiError):
    """404."""

    remedy = "correct project, environment and path in group_data (secret_store)"


class RejectedError(ApiError):
    """Any other 4xx."""

    remedy = "correct the request"


class RateLimitedError(ApiError):
    """429."""

    remedy = "wait a minute and run it again; `--secrets sealed` deploys from the break-glass copy"


class ServerFaultError(ApiError):
    """5xx."""

    remedy = "read the server's log; `--secrets sealed` deploys from the break-glass copy"


class BadAnswerError(ApiError):
    """An answer that is not what the API promises."""

    remedy = "see what answers at this address; `--secrets sealed` deploys from the break-glass copy"
