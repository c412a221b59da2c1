"""The exceptions that end a run or a change, each with the one message a person will see."""

from acrsync.diagnostics import Diagnostic, Severity


class AcrsyncError(Exception):
    """A run that cannot go on; carries one diagnostic."""

    def __init__(self, code: str, summary: str, detail: str, *, fix: str = "") -> None:
        super().__init__(f"{summary}: {detail}")
        self.diagnostic = Diagnostic(Severity.ERROR, code, summary, detail, fix)


class Invalid(AcrsyncError):
    """Input with mistakes, all of them told at once."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        first = diagnostics[0]
        super().__init__(first.code, first.summary, first.detail, fix=first.fix)
        self.diagnostics = diagnostics


class RemoteError(AcrsyncError):
    """The API refused a request or answered something that cannot be used."""

    may_have_acted = False  # True on a write that the server may have carried out nevertheless

    def __init__(self, code: str, summary: str, detail: str, *, fix: str = "", status: int | None = None) -> None:
        super().__init__(code, summary, detail, fix=fix)
        self.status = status


class AccessDenied(RemoteError):
    """401 or 403: the token is not accepted, or not for this."""


class NotFound(RemoteError):
    """404: there is nothing under this id (or not for this account)."""


class NoAnswer(RemoteError):
    """No usable answer after all retries, to a request that was safe to repeat or never reached the server."""


class UnknownOutcome(RemoteError):
    """A write whose answer was lost: the server may have acted on it. Never sent again."""

    may_have_acted = True


class IncompleteListing(RemoteError):
    """The list could not be read so that it is proven complete; nothing may be created or deleted on it."""
