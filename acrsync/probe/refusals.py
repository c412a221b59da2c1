"""Deciders: how the API refuses requests."""

from __future__ import annotations

from collections.abc import Sequence

from acrsync.model import JSON
from acrsync.probe.evidence import Evidence
from acrsync.probe.finding import UNSEEN, Finding, one, some
from acrsync.probe.wire import INVALID, Answer

DENIED = (401, 403)
REDIRECTS = range(300, 400)
THROTTLED = 429


def _unknown_id(seen: Evidence) -> Finding:
    answer = seen.unknown
    if answer is None:
        return UNSEEN
    match answer.status, answer.json:
        case 404, {"error": _}:
            return one("error_404", "an id that does not exist: 404 with `error`", answer)
        case 403, {"error": _}:
            return one("error_403", "an id that does not exist: 403 with `error`", answer)
        case 404, {"message": _}:
            return one("message_404", "an id that does not exist: 404 with `message`", answer)
        case _:
            return Finding(why=f"an id that does not exist: {answer.status}", seen=(answer.number,))


def _auth_failure(seen: Evidence) -> Finding:
    if not seen.bad_token:
        return UNSEEN
    asking, other = seen.bad_token
    match asking.status, asking.json:
        case 403, {"error": _}:
            return one("error_403", "an invalid token: 403 with `error`", asking)
        case 401, {"message": _} if other.status in REDIRECTS:
            return one("redirect_302", "an invalid token: a redirect, unless JSON is asked for", asking, other)
        case 401, {"message": _} if other.status in DENIED:
            return one("message_401", "an invalid token: 401 with `message`", asking, other)
        case 401, {"message": _}:
            return some(("message_401", "redirect_302"), "an invalid token: 401 with `message`", asking)
        case _:
            return Finding(why=f"an invalid token: {asking.status}", seen=(asking.number,))


def missing_scope(seen: Evidence) -> Finding:
    """Return the answer to a token without a scope, if this token lacks one, for example for the lists of projects."""
    closed = [answer for answer in (*seen.users, *_content_lists(seen), *seen.refused) if answer.status in DENIED]
    for answer in closed:
        if "scope" in _words(answer.json) and seen.pages["first"].ok:
            return one("message_403", "this token lacks a scope, and the answer says so", answer)
        if seen.bad_token and (answer.status, answer.json) == (seen.bad_token[0].status, seen.bad_token[0].json):
            return one("as_auth_failure", "a missing scope is answered like an invalid token", answer)
    return UNSEEN


def _content_lists(seen: Evidence) -> list[Answer]:
    return [answer for content in seen.contents for answer in (content.files, content.channels)]


def _words(answered: JSON) -> str:
    return str(answered.get("message") or "").casefold() if isinstance(answered, dict) else ""


def _throttle_body(answers: Sequence[Answer]) -> Finding:
    for answer in answers:
        if answer.status == THROTTLED and answer.body:
            form = "html" if answer.body.lstrip().startswith(b"<") else "json"
            return one(form, "the body of a 429", answer)
    return UNSEEN


def trouble(answers: Sequence[Answer]) -> Finding:
    """Return the failed requests in `why`, and no value: passing failures prove no rule, nor does their absence."""
    failed = [answer for answer in answers if answer.status is None or answer.status >= 500]  # noqa: PLR2004
    why = f"{len(failed)} requests failed: {', '.join(map(str, failed[:3]))}" if failed else "no request failed"
    return Finding(why=why, seen=tuple(answer.number for answer in failed[:3]))


def _validation_body(seen: Evidence) -> Finding:
    for answer in seen.refused:
        match answer.status, answer.json:
            case 422, {"errors": dict()}:
                return one("laravel", "a 422 has `message` and `errors`", answer)
            case 422, {"error": str()}:
                return one("error_text", "a 422 has `error`", answer)
            case _:
                pass
    return UNSEEN


def _validation_without_accept(seen: Evidence) -> Finding:
    asking, other = seen.trials.get("invalid"), seen.trials.get("invalid_any")
    if asking is None or other is None or asking.answer.status != INVALID:
        return UNSEEN
    if other.answer.status in REDIRECTS:
        return one("redirect_302", "an invalid write that does not ask for JSON: a redirect", other.answer)
    if other.answer.status == INVALID:
        return one("json_422", "an invalid write that does not ask for JSON: 422", other.answer)
    return UNSEEN


def decide(seen: Evidence, answers: Sequence[Answer]) -> dict[str, Finding]:
    """Return the findings about refusals."""
    return {
        "unknown_id": _unknown_id(seen),
        "auth_failure": _auth_failure(seen),
        "missing_scope": missing_scope(seen),
        "throttle_body": _throttle_body(answers),
        "trouble": trouble(answers),
        "validation_body": _validation_body(seen),
        "validation_without_accept": _validation_without_accept(seen),
    }
