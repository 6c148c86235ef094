"""What can go wrong with an API, as exceptions that say what to do about it.

ApiError
├── Unreachable      no connection, no answer in time, or TLS that cannot be trusted
├── Unauthorised     401: the credentials are wrong, or locked for a while
├── TokenExpired     403: the token has expired or is not one (log in again, or replace it)
├── Forbidden        403: the token is good and the permission is missing
├── NotFound         404: no such project, environment, folder or secret
├── Rejected         any other 4xx: the request itself
├── RateLimited      429, after all retries
├── ServerFault      5xx, after all retries
└── BadAnswer        an answer that is not what the API promises
"""

from estate.models.faults import Fault


class ApiError(Exception):
    """An API call failed; `remedy` says what the operator can do."""

    remedy = "see the message"

    def __init__(self, where: str, fault: str, remedy: str = "", *, retry_after: float = 0, transient: bool = False):
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


class Unreachable(ApiError):
    """No connection, no answer in time, or TLS that cannot be trusted."""

    remedy = "see whether it runs; `--secrets sealed` deploys from the break-glass copy"


class Unauthorised(ApiError):
    """401."""

    remedy = "wait for a lock to pass, then correct the client id and secret (docs/runbooks/rotate-the-deploy-token.md)"


class TokenExpired(ApiError):
    """403 because of the token itself."""

    remedy = "replace the token (docs/runbooks/rotate-the-deploy-token.md)"


class Forbidden(ApiError):
    """403 because of a missing permission."""

    remedy = "give the identity a role in the project"


class NotFound(ApiError):
    """404."""

    remedy = "correct project, environment and path in group_data (secret_store)"


class Rejected(ApiError):
    """Any other 4xx."""

    remedy = "correct the request"


class RateLimited(ApiError):
    """429."""

    remedy = "wait a minute and run it again; `--secrets sealed` deploys from the break-glass copy"


class ServerFault(ApiError):
    """5xx."""

    remedy = "read the server's log; `--secrets sealed` deploys from the break-glass copy"


class BadAnswer(ApiError):
    """An answer that is not what the API promises."""

    remedy = "see what answers at this address; `--secrets sealed` deploys from the break-glass copy"
