"""Decides which fault applies to a request; `effects` carries it out.

A plan is a list of rules; the first that matches applies. A rule selects requests by `method` and `path`, and of these
the ones whose number in the request log is in `at`; the `nth` and the `count - 1` after it; each with the probability
`rate`; or, without any of these, all.

Why `rate` uses a hash and not a random generator: the hash covers the seed, the rule, the request (method, path, query,
body) and how often the same request came before. So one seed gives the same faults in whatever order threads send
their requests, except for requests that contain ids which depend on that order.
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
    "throttle",  # not carried out: 429 with Retry-After
    "error_before",  # not carried out: a 5xx, or another status
    "error_after",  # carried out, then the same answer
    "reset_before",  # not carried out: the connection is reset
    "reset_after",  # carried out, then the connection is reset: the answer is lost
    "hang_before",  # not carried out: no answer until the client gives up or `seconds` pass
    "hang_after",  # carried out, then the same
    "late",  # the connection ends as `then` says; carried out `seconds` later
    "pretend",  # not carried out, but answered as if it were
    "interim",  # carried out; answers with a status below 200 come before the real one
    "malformed",  # carried out; the answer is invalid HTTP: `form` says how
    "cut_body",  # carried out; the connection ends in the middle of the body, if the answer has one
    "drip_body",  # carried out; the body takes `seconds` to arrive
    "endless_body",  # carried out; the body never ends
    "huge_body",  # carried out; this number of `megabytes` of space precedes the body
    "gzip_bomb",  # carried out; the same, compressed to a thousandth
    "duplicate",  # carried out twice; `answer` says which answer the client gets
    "lag",  # a write: carried out, but reads hide it for `seconds` or `reads`
    "switch",  # carried out with other switches of the profile
    "shift_create",  # carried out; then the server creates a bucket, so that later pages shift
    "shift_delete",  # carried out; then the newest bucket whose name begins with "unrelated-" is deleted
    "expire_token",  # the token of this request is invalid from now on
]


Body = Literal["json", "error", "html", "text", "empty"]
Echo = Literal[
    "none", "plain", "url", "url_every_character", "base64", "base64_of_header", "hex", "json_escaped", "html_escaped",
    "reversed",
]  # fmt: skip
RetryAfterForm = Literal["seconds", "date", "past_date", "float", "negative", "huge", "word", "empty"]
Malformed = Literal[
    "extra_bytes",  # more bytes than Content-Length says
    "two_answers",  # an empty list as a second answer
    "two_answers_apart",  # the same, but the second answer comes with the next request: no client can notice in time
    "length_short",  # Content-Length is half of the body
    "length_long",  # Content-Length is one more than the body
    "length_twice",  # two different headers
    "length_negative",
    "length_and_chunks",  # Content-Length and chunked encoding
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

    def duration(self, usual: float) -> float:
        """Return the rule's seconds, or else the usual ones."""
        return usual if self.seconds is None else self.seconds

    def applies_to(self, method: str, path: str) -> bool:
        """Return whether the rule selects this method and path."""
        return (not self.method or method in self.method) and fnmatchcase(path, self.path)


@dataclass(frozen=True, slots=True)
class Plan:
    """A fault plan: the rules, and the seed for those with a rate."""

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
    """A plan in use: counts the requests of each rule."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._matched: Counter[int] = Counter()
        self._repeats: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def decide(self, number: int, method: str, path: str, content: bytes) -> tuple[int, Rule] | None:
        """Return the rule that applies to this request, with its place in the plan from 1, or None.

        `content` is query and body. Each rule counts every request that it selects, also if another rule applies.
        """
        digest = hashlib.blake2b(b"\0".join((method.encode(), path.encode(), content)), digest_size=16).digest()
        with self._lock:
            self._repeats[digest] += 1
            times = self._repeats[digest]
            fired = None
            for place, rule in enumerate(self.plan.rules, start=1):
                if rule.applies_to(method, path):
                    self._matched[place] += 1
                    if fired is None and self._fires(place, rule, number, digest, times):
                        fired = (place, rule)
        return fired

    def _fires(self, place: int, rule: Rule, number: int, digest: bytes, times: int) -> bool:
        if rule.at:
            return number in rule.at
        if rule.rate is not None:
            drawn = hashlib.blake2b(f"{self.plan.seed} {place} {times} ".encode() + digest, digest_size=8).digest()
            return int.from_bytes(drawn, "big") < rule.rate * 2**64
        if rule.nth is not None or rule.count is not None:
            first = rule.nth or 1
            return first <= self._matched[place] < first + (1 if rule.count is None else rule.count)
        return True


def from_document(document: object, where: str = "faults") -> Plan:
    """Return the plan in a document.

    Raises: ValueError if the document is invalid.
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

    Raises: ValueError if the file cannot be read or is invalid.
    """
    return from_document(read_yaml(source), str(source))


def to_document(plan: Plan) -> Mapping[str, object]:
    """Return the plan as `from_document` reads it, without default values."""
    given = [{f.name: getattr(rule, f.name) for f in fields(Rule)} for rule in plan.rules]
    plain = {f.name: {} if f.default is MISSING else f.default for f in fields(Rule)} | {"kind": None}
    return {"seed": plan.seed, "faults": [{k: v for k, v in line.items() if v != plain[k]} for line in given]}
