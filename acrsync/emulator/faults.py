"""Which request meets which misfortune. Decides only; `effects` does what is decided.

A plan is a list of rules, read in order; the first that fires has the request. A rule names its requests by `method`
and `path` and says which of them it takes: those whose number in the request log is in `at`; the `nth` of them and the
`count - 1` after it; each with a chance of `rate`; or, with none of these, all.

Why chance is a hash and not a random generator: the fate of a request hangs on the seed, the rule, what the request
says (method, path, query, body) and how often exactly that was said before. So one seed gives one story however many
threads ask in whatever order. Where ids depend on who came first, so does the story of the requests that carry them.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from acrsync.emulator.documents import decode, mapping, read_yaml
from acrsync.emulator.lag import View
from acrsync.emulator.profile import changed, named

Kind = Literal[
    "throttle",  # 429 with Retry-After; nothing is done
    "error_before",  # a 5xx, or another status; nothing is done
    "error_after",  # the same although all is done
    "reset_before",  # the connection is reset; nothing is done
    "reset_after",  # the connection is reset although all is done: the answer is lost
    "hang_before",  # no answer until the client gives up or `seconds` pass; nothing is done
    "hang_after",  # the same, although all is done
    "late",  # the connection ends as `then` says; `seconds` later it is done after all
    "pretend",  # answered as if it were done; nothing is
    "interim",  # done; answers with a status below 200 come before the real one
    "malformed",  # done; the exchange is not HTTP: `form` says how
    "cut_body",  # done; the connection ends in the middle of the body (an answer without a body stays whole)
    "drip_body",  # done; the body takes `seconds` to arrive
    "endless_body",  # done; the body never ends
    "huge_body",  # done; this number of `megabytes` of space precedes the body
    "gzip_bomb",  # done; the same, compressed to a thousandth
    "duplicate",  # delivered, and so done, twice; `answer` says which answer the client gets
    "lag",  # a write: done, but reads hide it for `seconds` or `reads`
    "switch",  # done as under other switches of the profile
    "shift_create",  # done; then the server creates a bucket of its own, so that later pages shift
    "shift_delete",  # done; then the newest bucket whose name begins with "unrelated-" goes
    "expire_token",  # the token of this request is bad from now on
]


Body = Literal["json", "error", "html", "text", "empty"]
Echo = Literal[
    "none", "plain", "url", "url_every_character", "base64", "base64_of_header", "hex", "json_escaped", "html_escaped",
    "reversed",
]  # fmt: skip
RetryAfterForm = Literal["seconds", "date", "past_date", "float", "negative", "huge", "word", "empty"]
Malformed = Literal[
    "extra_bytes",  # more bytes than Content-Length says
    "two_answers",  # an empty list, as a second answer
    "two_answers_apart",  # the same, but the second one comes when the next request does: nobody can tell in time
    "length_short",  # Content-Length is half of the body
    "length_long",  # Content-Length is one more than the body, and nothing more comes
    "length_twice",  # two headers that differ
    "length_negative",
    "length_and_chunks",  # both ways to say where a body ends
    "chunk_of_bad_size",
    "header_without_colon",
    "bad_status_line",
    "not_http",  # bytes of another protocol
]
Framing = Literal["length", "chunked", "close"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a fault plan."""

    kind: Kind
    method: tuple[Literal["GET", "POST", "PUT", "DELETE"], ...] = ()
    path: str = "*"
    at: tuple[int, ...] = ()
    nth: int | None = None
    count: int | None = None
    rate: float | None = None
    status: int = 500
    body: Body = "json"
    text: str = ""
    echo: Echo = "none"
    retry_after: int | None = None
    retry_after_form: RetryAfterForm = "seconds"
    seconds: float | None = None
    reads: int = 0
    where: tuple[View, ...] = ("list",)
    answer: Literal["first", "second"] = "first"
    then: Literal["reset", "hang", "error"] = "reset"
    interim: tuple[int, ...] = (103,)
    form: Malformed = "extra_bytes"
    framing: Framing = "length"
    megabytes: int = 128
    switches: Mapping[str, object] = field(default_factory=dict)

    def lasts(self, usual: float) -> float:
        """Return the seconds that the rule names, or else the usual ones."""
        return usual if self.seconds is None else self.seconds

    def concerns(self, method: str, path: str) -> bool:
        """Say whether method and path are those of this rule."""
        return (not self.method or method in self.method) and fnmatchcase(path, self.path)


@dataclass(frozen=True, slots=True)
class Plan:
    """A fault plan: the rules, and the seed of those that go by chance."""

    seed: int = 0
    rules: tuple[Rule, ...] = ()


READY_PLANS: Mapping[str, tuple[Rule, ...]] = {
    "none": (),
    "first_call_500": (Rule(kind="error_before", status=500, nth=1),),
    "proxy_errors": (
        Rule(kind="error_before", status=502, body="html", nth=1),
        Rule(kind="error_before", status=504, body="html", nth=2),
    ),
    "lost_create_answer": (Rule(kind="reset_after", method=("POST",), path="/api/buckets", nth=1),),
}


class Faults:
    """A plan at work: counts what each rule has seen."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._met: Counter[int] = Counter()
        self._said: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def decide(self, number: int, method: str, path: str, content: bytes) -> tuple[int, Rule] | None:
        """Return the rule that this request falls to, with its place in the plan from 1, or None.

        `content` is query and body. Every rule counts every request that concerns it, also one that another rule has.
        """
        said = hashlib.blake2b(b"\0".join((method.encode(), path.encode(), content)), digest_size=16).digest()
        with self._lock:
            self._said[said] += 1
            times = self._said[said]
            fired = None
            for place, rule in enumerate(self.plan.rules, start=1):
                if rule.concerns(method, path):
                    self._met[place] += 1
                    if fired is None and self._fires(place, rule, number, said, times):
                        fired = (place, rule)
        return fired

    def _fires(self, place: int, rule: Rule, number: int, said: bytes, times: int) -> bool:
        if rule.at:
            return number in rule.at
        if rule.rate is not None:
            drawn = hashlib.blake2b(f"{self.plan.seed} {place} {times} ".encode() + said, digest_size=8).digest()
            return int.from_bytes(drawn, "big") < rule.rate * 2**64
        if rule.nth is not None or rule.count is not None:
            first = rule.nth or 1
            return first <= self._met[place] < first + (1 if rule.count is None else rule.count)
        return True


def from_document(document: object, where: str = "faults") -> Plan:
    """Return the plan that a document describes.

    Raises: ValueError when the document does not fit.
    """
    given = mapping(document, where)
    if unknown := sorted(set(given) - {"seed", "faults"}):
        raise ValueError(f"{where} has no {unknown[0]!r}; it knows faults, seed")
    seed, lines = given.get("seed", 0), given.get("faults", [])
    if type(seed) is not int or not isinstance(lines, list):
        raise ValueError(f"{where} must be a whole number as seed and a list as faults")
    rules = tuple(decode(Rule, line, f"{where}, line {place}") for place, line in enumerate(lines, start=1))
    for place, rule in enumerate(rules, start=1):
        chosen = bool(rule.at) + (rule.nth is not None or rule.count is not None) + (rule.rate is not None)
        if chosen > 1 or (rule.rate or 0) > 1 or 0 in (rule.nth, rule.count):
            raise ValueError(f"{where}, line {place} takes one of: at; nth and count (from 1); rate (0 to 1)")
        if not 200 <= rule.status <= 599 or not all(100 <= one <= 199 for one in rule.interim):  # noqa: PLR2004
            raise ValueError(f"{where}, line {place}: status must be from 200 to 599, interim from 100 to 199")
        changed(named("documented"), rule.switches, f"{where}, line {place}, switches")
    return Plan(seed, rules)


def load(source: Path) -> Plan:
    """Return the plan in a YAML file.

    Raises: ValueError when the file cannot be read or does not fit.
    """
    return from_document(read_yaml(source), str(source))


def to_document(plan: Plan) -> Mapping[str, object]:
    """Return the plan as `from_document` reads it, values that no line gave left out."""
    given = [{f.name: getattr(rule, f.name) for f in fields(Rule)} for rule in plan.rules]
    plain = {f.name: {} if f.default is MISSING else f.default for f in fields(Rule)} | {"kind": None}
    return {"seed": plan.seed, "faults": [{k: v for k, v in line.items() if v != plain[k]} for line in given]}
