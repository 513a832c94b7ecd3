"""Everything that can go wrong, as a person needs to hear it: what failed, why, and what to do next.

::

    SluiceError
    ├── NotConfigured    a setting is missing, unreadable or contradicts another one
    ├── Unreachable      no answer: connection refused, name not found, certificate not trusted
    ├── Timeout          an answer did not come in time, or an operation did not finish in time
    ├── SignInFailed     no credential, or Azure does not accept it (401)
    ├── AccessDenied     signed in, but a role is missing (403)
    ├── NotFound         the subscription, resource group, workspace, endpoint or deployment does not exist (404)
    ├── Conflict         somebody changed it meanwhile, or an operation is running (409)
    ├── Throttled        too many requests (429); says how long to wait when Azure said it
    ├── RuleBroken       the request breaks one of Azure's rules, so it was not sent or was refused (400)
    ├── StoreFailed      the file that Sluice keeps on this machine cannot be read or written
    ├── Stopped          the person ended it before it was done
    └── ServiceFailed    Azure failed: 5xx, an operation that ended as Failed, or an answer that makes no sense

Every text is a whole sentence without keys or tokens in it. The class decides what the screen offers; nobody parses the
texts.
"""

from __future__ import annotations

from services.model import Split


class SluiceError(Exception):
    """A failure explained to a person.

    ``what`` failed, ``why`` it failed, the ``next_step`` to take, and the ``request_id`` that Azure support asks for.
    """

    def __init__(self, what: str, why: str, next_step: str, *, request_id: str | None = None) -> None:
        super().__init__(f"{what} {why} {next_step}")
        self.what = what
        self.why = why
        self.next_step = next_step
        self.request_id = request_id


class NotConfigured(SluiceError):
    """A setting is missing, unreadable or contradicts another one."""


class Unreachable(SluiceError):
    """Nothing answered at the address: connection refused, name not found, certificate not trusted."""


class Timeout(SluiceError):
    """An answer did not come, or an operation did not finish, in the time allowed."""


class SignInFailed(SluiceError):
    """There is no credential, or Azure does not accept it."""


class AccessDenied(SluiceError):
    """The signed-in identity lacks a role."""


class NotFound(SluiceError):
    """The named thing does not exist, or not where the settings point to."""


class Conflict(SluiceError):
    """Somebody changed the endpoint meanwhile, or an operation is running on it.

    ``theirs`` is the split that Azure holds now, when that is the reason.
    """

    def __init__(
        self, what: str, why: str, next_step: str, *, request_id: str | None = None, theirs: Split | None = None
    ) -> None:
        super().__init__(what, why, next_step, request_id=request_id)
        self.theirs = theirs


class Throttled(SluiceError):
    """Azure asks to send less. ``retry_after_seconds`` is how long it asked to wait, None when it did not say."""

    def __init__(
        self,
        what: str,
        why: str,
        next_step: str,
        *,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(what, why, next_step, request_id=request_id)
        self.retry_after_seconds = retry_after_seconds


class RuleBroken(SluiceError):
    """The request breaks one of Azure's rules."""


class StoreFailed(SluiceError):
    """The file that Sluice keeps on this machine cannot be read or written."""


class ServiceFailed(SluiceError):
    """Azure itself failed: a 5xx, an operation that ended as Failed, or an answer that makes no sense."""


class Stopped(SluiceError):
    """The person ended it before it was done."""
