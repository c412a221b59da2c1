"""The API over HTTP: tokens, encodings and the forms of errors. `rules` decides what is allowed."""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import assert_never

from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from acrsync.emulator.body import fields_of
from acrsync.emulator.effects import EFFECTS
from acrsync.emulator.failures import throttled
from acrsync.emulator.faulted import FaultedRequest
from acrsync.emulator.profile import Profile
from acrsync.emulator.routes import ROUTES, Call
from acrsync.emulator.rules import Invalid, Refused
from acrsync.emulator.state import USUAL, Account, Emulator, Overrides

LARGEST_BODY = 8 * 2**20


def handle(emulator: Emulator, request: Request) -> Response:
    """Return the answer to one API request, with the latency and the faults that apply.

    Raises: ConnectionAbortedError if a fault ends the connection instead.
    """
    request.max_content_length = LARGEST_BODY
    query = request.query_string.decode("latin-1")
    entry = emulator.log.begin(time=emulator.clock(), method=request.method, path=request.path, query=query)
    try:
        content = request.get_data()
        fields = fields_of(request, content)
    except RequestEntityTooLarge:
        entry.status = 413
        return _json(413, {"message": "The POST data is too large."})
    entry.body = fields if request.method in ("POST", "PUT", "PATCH") else None
    time.sleep(emulator.setup.latency_ms / 1000)

    def act(overrides: Overrides = USUAL) -> Response:
        with emulator.acting():
            answer = _answer(emulator, request, fields, overrides)
        entry.acted = entry.acted or answer.status_code < HTTPStatus.MULTIPLE_CHOICES
        return answer

    fired = emulator.faults.decide(entry.number, request.method, request.path, query.encode() + b"\0" + content)
    if fired is None:
        response = act()
    else:
        entry.rule, entry.fault = fired[0], fired[1].kind
        connection = request.environ["werkzeug.socket"]
        response = EFFECTS[fired[1].kind](
            FaultedRequest(fired[1], entry.number, _token(request), connection, emulator, act)
        )
    entry.status = response.status_code
    return response


def _answer(emulator: Emulator, request: Request, fields: Mapping[str, object], overrides: Overrides) -> Response:
    """Return the answer of the API. Routes are checked before tokens, as in Laravel."""
    profile, site = (
        overrides.profile or emulator.setup.profile,
        "http://{SERVER_NAME}:{SERVER_PORT}".format_map(request.environ),
    )
    if request.path == "/":
        return _redirect(f"{site}/")  # reference 1.1: a client that follows redirects never ends
    try:
        operation, path = ROUTES.bind("").match(request.path, request.method)
    except MethodNotAllowed as error:
        allowed = sorted(error.valid_methods or ())
        text = f"The {request.method} method is not supported for this route. Supported methods: {', '.join(allowed)}."
        return _json(405, {"message": text}, {"Allow": ", ".join(allowed)})
    except HTTPException:
        return _json(404, {"message": f"The route {request.path.strip('/')} could not be found."})
    if wait := emulator.throttled(_token(request)):
        return throttled(wait, html=profile.throttle_body == "html")
    account = emulator.account(_token(request))
    if account is None or not _has_scope(account, operation.noun, request.method):
        return _denied(profile, request, f"{site}/", known=account is not None)
    rules = emulator.rules(account.uid, overrides)
    try:
        return _json(
            *operation.run(Call(rules, f"{site}{request.path}", dict(request.args.items(multi=True)), fields, path))
        )
    except Refused as refused:
        return _json(refused.status, refused.body)
    except Invalid as invalid:
        return _invalid(profile, request, f"{site}/", invalid.errors)


def _token(request: Request) -> str:
    """Return the token of the Authorization header. Source: reference 1.1."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _has_scope(account: Account, noun: str, method: str) -> bool:
    """Return whether an account's token has the scope. Source: reference 7.1."""
    verb = "read" if method in ("GET", "HEAD") else "write"
    return not {"*", f"{verb}-all", noun, f"{verb}-{noun}"}.isdisjoint(account.scopes)


def _denied(profile: Profile, request: Request, front: str, *, known: bool) -> Response:
    """Return the refusal of an invalid token, or of a missing scope. Source: reference 1.8, rows 5 and 6."""
    if known and profile.missing_scope == "message_403":
        return _json(403, {"message": "Invalid scope(s) provided."})
    match profile.auth_failure:
        case "error_403":
            return _json(403, {"error": "Authentication Exception"})
        case "message_401":
            return _json(401, {"message": "Unauthenticated."})
        case "redirect_302":
            return _json(401, {"message": "Unauthenticated."}) if _wants_json(request) else _redirect(front)
    assert_never(profile.auth_failure)


def _invalid(profile: Profile, request: Request, front: str, errors: Mapping[str, list[str]]) -> Response:
    """Return the refusal of invalid fields. Source: reference 1.1 and 1.8, row 7 of the unknowns."""
    if not _wants_json(request) and profile.validation_without_accept == "redirect_302":
        return _redirect(front)
    if profile.validation_body == "error_text":
        return _json(422, {"error": next(iter(errors.values()))[0]})
    return _json(422, {"message": "The given data was invalid.", "errors": errors})


def _wants_json(request: Request) -> bool:
    """Return whether the best type of the Accept header is JSON, as Laravel asks; `*/*` is not."""
    best, _ = max(request.accept_mimetypes, key=lambda choice: choice[1], default=("", 0))
    return "/json" in best or "+json" in best


def _redirect(url: str) -> Response:
    page_text = f'<!DOCTYPE html>\n<html><head><meta http-equiv="refresh" content="0;url=\'{url}\'"></head></html>\n'
    return Response(page_text, 302, {"Location": url}, content_type="text/html; charset=utf-8")


def _json(status: int, body: Mapping[str, object] | None, headers: Mapping[str, str] | None = None) -> Response:
    text = "" if body is None else json.dumps(body, separators=(",", ":"))
    return Response(text, status, headers, content_type="application/json")
