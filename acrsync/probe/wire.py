"""The requests of a probe and their raw answers, also refusals and invalid bodies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from acrsync.client import Client
from acrsync.clock import Clock
from acrsync.diagnostics import RemoteError
from acrsync.frozen import frozen
from acrsync.model import JSON

Method = Literal["GET", "POST", "PUT", "DELETE"]
SUCCESS = range(200, 300)
AGAIN = (429, 500, 502, 503, 504)
INVALID = 422
TRIES = 4
PAUSE_MAX_S = 60.0  # enough for a limit of requests per minute
ANY_TYPE = "*/*"  # the Accept header of a program that does not ask for JSON


@frozen
class Request:
    """One request of a probe."""

    method: Method
    path: str  # without `/api`
    params: Mapping[str, JSON] = field(default_factory=dict)
    body: Mapping[str, JSON] | None = None
    accept: str = "application/json"
    bad_token: bool = False  # use an invalid token


@frozen
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
        """The rows of a list; None if the answer is not a list."""
        match self.json:
            case {"data": list(rows)} if self.ok and all(isinstance(row, dict) for row in rows):
                return rows
            case _:
                return None

    @property
    def row(self) -> Mapping[str, JSON] | None:
        """The bucket in the answer; None if there is none."""
        match self.json:
            case {"data": dict(row)} if self.ok:
                return row
            case _:
                return None

    @property
    def meta(self) -> Mapping[str, JSON] | None:
        """The `meta` object of a list; None if there is none."""
        match self.json:
            case {"meta": dict(meta)}:
                return meta
            case _:
                return None

    def __str__(self) -> str:
        query = "&".join(f"{key}={value}" for key, value in self.params.items())
        return f"#{self.number} {self.method} {self.path}{'?' if query else ''}{query}: {self.status or 'no answer'}"


class Sender(Protocol):
    """Sends one request, once."""

    def send(self, request: Request) -> tuple[int | None, Mapping[str, str], bytes]:
        """Return status, headers and body; the status is None if no answer came."""
        ...


@frozen
class ClientSender:
    """Sends through clients that never retry, so that a probe sees the answer to each request."""

    client: Client
    bad_token_client: Client

    def send(self, request: Request) -> tuple[int | None, Mapping[str, str], bytes]:
        client = self.bad_token_client if request.bad_token else self.client
        path, headers = request.path, {"Accept": request.accept}
        try:
            if request.method == "GET":
                response = client.get(f"/api{path}", request.params, headers=headers)
            else:
                bucket_id = None if request.method == "POST" else int(path.rpartition("/")[2])
                response = client.write(request.method, bucket_id, request.body, headers=headers)
        except RemoteError as e:
            answered = getattr(e, "response", None)
            if answered is None:  # no answer, or one whose body the client does not keep
                return e.status, {}, b""
            response = answered
        return response.status_code, {key.lower(): value for key, value in response.headers.items()}, response.content


class Stopped(Exception):
    """Waiting took too long, or was interrupted: nothing more is measured."""


@dataclass(slots=True)
class Wire:
    """Sends requests one after the other, and keeps all answers.

    Sends a request again after a lost answer, 429 or 5xx; a POST only after 429. After 429 it waits as the server asks.
    """

    sender: Sender
    clock: Clock
    answers: list[Answer] = field(default_factory=list)
    budget_s: float | None = None  # for all waiting together; None: as long as it takes
    waited_s: float = 0.0

    def wait(self, seconds: float) -> bool:
        """Wait; return whether the wait was not interrupted.

        Raises: Stopped if there is a budget, and the wait exceeds it or is interrupted.
        """
        if self.budget_s is not None and self.waited_s + seconds > self.budget_s:
            raise Stopped
        self.waited_s += seconds
        waited = self.clock.wait(seconds)
        if not waited and self.budget_s is not None:
            raise Stopped
        return waited

    def send(self, request: Request) -> Answer:
        """Return the answer to the last attempt; `answers` has all of them."""
        for attempt in range(TRIES):
            begun = self.clock.wall().timestamp()
            status, headers, content = self.sender.send(request)
            answer = Answer(
                len(self.answers) + 1, request.method, request.path, request.params, request.body, status, headers,
                content, begun, self.clock.wall().timestamp(),
            )  # fmt: skip
            self.answers.append(answer)
            again = status == AGAIN[0] or (request.method != "POST" and (status is None or status in AGAIN))
            if not again or attempt == TRIES - 1 or not self.wait(_pause(answer, attempt)):
                break
        return answer

    def get(self, path: str, **params: JSON) -> Answer:
        """Return the answer to a GET."""
        return self.send(Request("GET", path, params))

    def fresh_size(self) -> int:
        """Return a page size that was not requested yet, so that no cache of pages answers."""
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
