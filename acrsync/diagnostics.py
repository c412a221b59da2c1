"""Messages to people: what is wrong, where, why it matters, and how to fix it; and the exceptions that end a run.

Two channels: diagnostics (many, each with its position) and exceptions (one, which carries a diagnostic). The table at
the end is the only place for the summary of a code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from acrsync.frozen import frozen


class Severity(StrEnum):
    """The severity of a diagnostic. Only errors stop a plan or an apply."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A position in a file. Line and column start at 1, as in editors."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@frozen
class Diagnostic:
    """One message to a person."""

    severity: Severity
    code: str
    summary: str  # constant text, no user data
    detail: str  # what exactly, and why it matters
    fix: str = ""  # one imperative sentence, with the text to paste
    span: Span | None = None


def error(code: str, detail: str, *, fix: str = "", span: Span | None = None) -> Diagnostic:
    """Return the message with this code. The first letter of the code is the severity: E error, W warning, H hint."""
    return Diagnostic(_SEVERITIES[code[0]], code, SUMMARIES[code], detail, fix, span)


def in_reading_order(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Return the diagnostics sorted by position, each once; those without a position come last."""
    unplaced = Span("\U0010ffff", 0, 0)
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.span or unplaced, d.code, d.detail)))


class AcrsyncError(Exception):
    """Ends a run; carries one diagnostic."""

    def __init__(self, code: str, detail: str, *, fix: str = "") -> None:
        self.diagnostic = error(code, detail, fix=fix)
        super().__init__(f"{self.diagnostic.summary}: {detail}")


class Invalid(AcrsyncError):
    """Input with errors; `diagnostics` has all of them."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        first = diagnostics[0]
        super().__init__(first.code, first.detail, fix=first.fix)
        self.diagnostics = diagnostics


class RemoteError(AcrsyncError):
    """The API refused a request, or its response cannot be used."""

    may_have_acted = False  # True for a write that the server may have carried out

    def __init__(self, code: str, detail: str, *, fix: str = "", status: int | None = None) -> None:
        super().__init__(code, detail, fix=fix)
        self.status = status


class AccessDenied(RemoteError):
    """401 or 403: the token is not accepted, or has no permission for this request."""


class NotFound(RemoteError):
    """404: this id does not exist, or not in this account."""


class NoAnswer(RemoteError):
    """No usable response after all retries, to a request that is safe to repeat or never reached the server."""


class UnknownOutcome(RemoteError):
    """The response to a write was lost: the server may have carried it out. It is never sent again."""

    may_have_acted = True


class IncompleteListing(RemoteError):
    """The list cannot be proven complete, so nothing may be created or deleted."""


_SEVERITIES = {"E": Severity.ERROR, "W": Severity.WARNING, "H": Severity.HINT}

SUMMARIES: Mapping[str, str] = {
    # Usage, local files, saved plans and run records
    "E000": "acrsync failed",
    "E001": "Interrupted",
    "E002": "Wrong usage",
    "E003": "--prune contradicts the manifest",
    "E004": "Cannot write the output",
    "E005": "Cannot write a file",
    "E006": "The file exists",
    "E007": "Cannot ask for confirmation",
    "E008": "Declined",
    "E009": "The account has changed",
    "E010": "The emulator is not installed",
    "E011": "Cannot create a folder",
    "E012": "The token is not sent to this host",
    "E013": "No token",
    "E014": "The login of acrcloud-cli cannot be read",
    "E015": "The token cannot be read",
    "E016": "The CA bundle cannot be read",
    "E017": "The emulator cannot start",
    "E018": "A package is not installed",
    "E020": "No bucket has this name",
    "E021": "This name cannot become a variable",
    "E022": "This code does not exist",
    "E023": "There is nothing to show",
    "E050": "The saved plan cannot be read",
    "E051": "The file is not a saved plan",
    "E052": "The saved plan has another format",
    "E053": "The saved plan was edited",
    "E054": "The saved plan does not match the format",
    "E055": "The saved plan cannot be read",
    "E056": "The saved plan is too old",
    "E057": "This is not the plan that was approved",
    "E058": "The plan is for another account",
    "E059": "This is a saved plan, not a manifest",
    "E061": "The run record cannot be written",
    "E062": "A run record cannot be read",
    "E063": "This run record cannot be read",
    "E064": "The run was for another account",
    # Run stores
    "E070": "The run store cannot be reached",
    "E071": "The run store refused the request",
    "E072": "The run store is damaged",
    "E073": "The run store has changed",
    "E074": "The run store did not answer",
    "E075": "Another run holds the account",
    "E076": "This run has lost its lock on the account",
    "E077": "Another run was faster",
    "E078": "There is no such run",
    "E079": "There is no such unfinished run",
    "E080": "This is not a run store",
    "E081": "The run store needs the uid of the account",
    "E082": "A manifest must not name this run store",
    "E083": "The run store needs another program or package",
    "E084": "This git remote does not exist",
    "W085": "This runner will lose the records of its runs",
    "E086": "An older commit",
    "W087": "This commit may be older",
    "W088": "Earlier runs are not known",
    "E089": "Earlier runs changed after the plan was made",
    # Manifest
    "E100": "Manifest file is missing",
    "E101": "Manifest folder holds no manifest",
    "E102": "Manifest file cannot be read",
    "E103": "Manifest file is empty",
    "E104": "Manifest file is not UTF-8",
    "E105": "Character that is not allowed in a manifest",
    "E106": "Tab in a manifest",
    "E107": "Unresolved merge conflict",
    "E108": "Indentation with a character that is not a space",
    "E110": "YAML cannot be read",
    "E111": "More than one document in a file",
    "E112": "YAML directive",
    "E113": "YAML tag",
    "E114": "Merge key",
    "E115": "Duplicate key",
    "E116": "Key is not text",
    "E117": "Value needs quotes or another spelling",
    "E118": "Anchor or alias is not defined",
    "E119": "Aliases expand to too many values",
    "E120": "Nesting is too deep",
    "E130": "Unknown key",
    "E131": "Wrong kind of value",
    "E132": "Value is not allowed",
    "E133": "Required key is missing",
    "E134": "Text is empty or too long",
    "E135": "Label cannot be used",
    "E136": "Template text is not JSON",
    "E140": "Name cannot be used",
    "E141": "Name is used twice",
    "E142": "Names look alike",
    "E143": "Id is used twice",
    "E144": "Name is in both `buckets` and `removed`",
    "E145": "`was` equals `name`",
    "E146": "Renames form a cycle",
    "E147": "Guard cannot be approved",
    "E150": "Key can be set only once",
    "E151": "Version is missing",
    "E152": "Ownership needs a stack",
    "E153": "Marks are needed but not written",
    "E160": "Environment is not chosen",
    "W160": "Variable is not used",
    "E161": "Environment is unknown",
    "E162": "Variable is not defined",
    "E163": "Variable refers to itself",
    "E164": "Variable cannot stand here",
    "E165": "Matrix cannot be expanded",
    "E166": "Matrix or variables expand to too many values",
    "E167": "Two environments can change one bucket",
    # Planning
    "E201": "Bucket id is not listed",
    "H201": "This `was` has no effect",
    "E202": "Two buckets in the account have this name",
    "E203": "Two entries select the same bucket",
    "E204": "The new name is taken",
    "E206": "Both the old and the new name exist",
    "E207": "An existing name looks like this one",
    "E208": "Name belongs to another account",
    "E209": "This value cannot be created",
    "E210": "The server stored this under another name",
    "W211": "This `was` renames nothing",
    "W212": "No bucket has this name",
    "W221": "This is not undone",
    "W222": "This bucket gets another id",
    # Guards
    "E211": "A value of this bucket cannot be read",
    "E212": "This create may have been sent",
    "E301": "Bucket is not empty",
    "E302": "Replacement needs approval",
    "E303": "Too many deletes",
    "E304": "An empty manifest never prunes",
    "E305": "This looks like a rename",
    "E306": "Another stack's bucket",
    "E307": "Bucket is protected",
    "E308": "Bucket is in use",
    "E309": "Not this account",
    "W310": "This approval has no effect",
    "W311": "This may be a rename",
    # Remote
    "E401": "The endpoint cannot be used",
    "E402": "The token cannot be sent",
    "E403": "The token is not accepted",
    "E405": "There is nothing at this address",
    "E406": "The API refused the request",
    "E407": "The API answered with a redirect",
    "E408": "The API did not answer in time",
    "E410": "Unknown host",
    "E411": "The API cannot be reached",
    "E412": "The server's certificate is not trusted",
    "E413": "The proxy refused the request",
    "E414": "The connection was lost",
    "E415": "The TLS connection failed",
    "E416": "The answer cannot be used",
    "E417": "The answer has an unknown form",
    "E418": "The answer is too long",
    "E420": "The API asks for fewer requests",
    "E421": "The API reports an error of its own",
    "E430": "Unknown whether the server acted",
    "E440": "The list could not be read completely",
    "W441": "The list has another length than the API reports",
    "E451": "This client only reads",
    "E452": "This is another host",
    "E453": "The call cannot be carried out",
    "E454": "The proxy's address cannot be used",
    "E455": "The certificates cannot be used",
    # Applying
    "E501": "Interrupted before its turn",
    "E502": "The name is not free",
    "E503": "Not this account",
    "E504": "The API does not answer",
    "E505": "The change does not read back as desired",
    "E506": "Changed by someone else since the plan",
    "E507": "A replacement is half done",
    "E508": "Buckets are not as desired",
    "W509": "Changed by someone else meanwhile",
    "W510": "Interrupted",
    "H511": "An earlier run is unfinished",
    "W512": "The run record has no end",
    "H515": "Another apply is running",
    "E513": "The account is not confirmed",
    "E516": "The server changed other fields, too",
    "E517": "The server stored another name",
    "E518": "The token may not change this bucket",
    "W514": "A bug ended the apply",
    # Probing and rehearsing
    "E601": "Nothing can be measured",
    "E602": "The record of a probe cannot be written",
    "E603": "The record of a probe cannot be read",
    "W604": "The state of a throw-away bucket is unknown",
    "W605": "A throw-away bucket is left",
    "E606": "Not this account",
    "W607": "The probe ended early",
    "E608": "A probe that writes needs the account",
    "E609": "The profile cannot be read",
    "E651": "The account is unknown",
    "W652": "The copy is not complete",
    "E653": "The copy gives another plan than the account",
    "E655": "There is nothing to rehearse",
    "E656": "The case cannot be read",
}
