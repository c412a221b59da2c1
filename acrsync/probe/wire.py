"""Requests of a probe and what answered them, word for word: also refusals, and bodies that make no sense."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from acrsync.client import Client
from acrsync.clock import Clock
from acrsync.diagnostics import RemoteError
from acrsync.model import JSON

Method = Literal["GET", "POST", "PUT", "DELETE"]
SUCCESS = range(200, 300)
AGAIN = (429, 500, 502, 503, 504)
TRIES = 4
PAUSE_MAX_S = 60.0  # longer than a server of a request limit a minute asks for
ANY_TYPE = "*/*"  # what a program sends that does not ask for JSON


@dataclass(frozen=True, slots=True)
class Answer:
    """One request and its answer. `status` is None if none came; times are those of this machine's clock."""

    number: int
    method: Method
    path: str  # without `/api`
    params: Mapping[str, JSON] = field(default_factory=dict)
    sent: Mapping[str, JSON] | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # by name in lower case
    body: bytes = b""
    begun: float = 0.0  # seconds of the epoch
    ended: float = 0.0

    @property
    def ok(self) -> bool:
        return self.status in SUCCESS

    @property
    def json(self) -> JSON:
        """The JSON of the body; None if it holds none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def rows(self) -> list[Mapping[str, JSON]] | None:
        """The rows of a list; None if this is none."""
        match self.json:
            case {"data": list(rows)} if self.ok and all(isinstance(row, dict) for row in rows):
                return rows
            case _:
                return None

    @property
    def row(self) -> Mapping[str, JSON] | None:
        """The one bucket that is answered; None if there is none."""
        match self.json:
            case {"data": dict(row)} if self.ok:
                return row
            case _:
                return None

    @property
    def meta(self) -> Mapping[str, JSON] | None:
        """What a list states about itself; None if nothing."""
        match self.json:
            case {"meta": dict(meta)}:
                return meta
            case _:
                return None

    def __str__(self) -> str:
        query = "&".join(f"{key}={value}" for key, value in self.params.items())
        return f"#{self.number} {self.method} {self.path}{'?' if query else ''}{query}: {self.status or 'no answer'}"


class Asker(Protocol):
    """Sends one request, once."""

    def ask(
        self,
        method: Method,
        path: str,
        *,
        params: Mapping[str, JSON] | None = None,
        body: Mapping[str, JSON] | None = None,
        accept: str = "application/json",
        stranger: bool = False,
    ) -> tuple[int | None, Mapping[str, str], bytes]:
        """Return status, headers and body. `stranger`: with a token that nobody has; None: no answer came."""
        ...


@dataclass(frozen=True, slots=True)
class ClientAsker:
    """Asks through clients that never retry, so that a probe sees what is answered to each request."""

    client: Client
    stranger: Client

    def ask(
        self,
        method: Method,
        path: str,
        *,
        params: Mapping[str, JSON] | None = None,
        body: Mapping[str, JSON] | None = None,
        accept: str = "application/json",
        stranger: bool = False,
    ) -> tuple[int | None, Mapping[str, str], bytes]:
        client = self.stranger if stranger else self.client
        try:
            if method == "GET":
                response = client.get(f"/api{path}", params, headers={"Accept": accept})
            else:
                bucket_id = None if method == "POST" else int(path.rpartition("/")[2])
                response = client.write(method, bucket_id, body, headers={"Accept": accept})
        except RemoteError as e:
            answered = getattr(e, "response", None)
            if answered is None:  # no answer, or one whose body the client does not keep
                return e.status, {}, b""
            response = answered
        return response.status_code, {key.lower(): value for key, value in response.headers.items()}, response.content


class OutOfPatience(Exception):
    """Waiting takes too long, or was interrupted: nothing more is measured."""


@dataclass(slots=True)
class Wire:
    """Sends requests one after the other, and keeps all that was answered.

    What only reads, and PUT and DELETE, are sent again after a lost answer, 429 and 5xx; a POST only after a 429. Rate
    limits are honoured: after 429 the pause that the server asks for is kept.
    """

    asker: Asker
    clock: Clock
    answers: list[Answer] = field(default_factory=list)
    budget_s: float | None = None  # for all waiting together; None: as long as it takes
    waited_s: float = 0.0

    def wait(self, seconds: float) -> bool:
        """Wait; False if that was interrupted. Raises: OutOfPatience if it is interrupted or too long in a measurement.

        Without a budget, when what was created is deleted, it goes on.
        """
        if self.budget_s is not None and self.waited_s + seconds > self.budget_s:
            raise OutOfPatience
        self.waited_s += seconds
        waited = self.clock.wait(seconds)
        if not waited and self.budget_s is not None:
            raise OutOfPatience
        return waited

    def ask(
        self,
        method: Method,
        path: str,
        *,
        params: Mapping[str, JSON] | None = None,
        body: Mapping[str, JSON] | None = None,
        accept: str = "application/json",
        stranger: bool = False,
    ) -> Answer:
        """Return the last answer; the ones before it are kept, too."""
        for attempt in range(TRIES):
            begun = self.clock.wall().timestamp()
            status, headers, content = self.asker.ask(
                method, path, params=params, body=body, accept=accept, stranger=stranger
            )
            answer = Answer(
                len(self.answers) + 1, method, path, params or {}, body, status, headers, content, begun,
                self.clock.wall().timestamp(),
            )  # fmt: skip
            self.answers.append(answer)
            again = status == AGAIN[0] or (method != "POST" and (status is None or status in AGAIN))
            if not again or attempt == TRIES - 1 or not self.wait(_pause(answer, attempt)):
                break
        return answer

    def get(self, path: str, **params: JSON) -> Answer:
        """Return the answer to a GET."""
        return self.ask("GET", path, params=params)

    def fresh_size(self) -> int:
        """Return a page size that was not asked for yet, so that no cache of pages knows the page."""
        used = {answer.params.get("per_page") for answer in self.answers}
        return next((size for size in (*range(98, 59, -1), *range(101, 600)) if size not in used), 97)

    def counts(self) -> Mapping[str, int]:
        """Return how many requests were sent, by method."""
        methods = [answer.method for answer in self.answers]
        return {method: methods.count(method) for method in sorted(set(methods))}


def _pause(answer: Answer, attempt: int) -> float:
    asked = answer.headers.get("retry-after", "").strip()
    seconds = float(asked[:4]) if asked.isascii() and asked.isdigit() else 0.0
    return min(PAUSE_MAX_S, max(seconds, 0.2 * 2**attempt if attempt else 0.0))
