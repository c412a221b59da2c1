"""Error answers: their bodies, the forms in which they repeat the token, and Retry-After."""

import base64
import json
from collections.abc import Callable, Mapping
from email.utils import formatdate
from urllib.parse import quote

from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response

from acrsync.emulator.faults import Body, Echo, RetryAfterForm, Rule

# The forms in which an error repeats the token of the request.
ECHOES: Mapping[Echo, Callable[[str], str]] = {
    "none": lambda _: "",
    "plain": lambda token: token,
    "url": lambda token: quote(token, safe=""),
    "url_every_character": lambda token: "".join(f"%{byte:02X}" for byte in token.encode()),
    "base64": lambda token: base64.b64encode(token.encode()).decode(),
    "base64_of_header": lambda token: base64.b64encode(f"Bearer {token}".encode()).decode(),
    "hex": lambda token: token.encode().hex(),
    "json_escaped": lambda token: "".join(f"\\u{ord(char):04x}" for char in token),
    "html_escaped": lambda token: "".join(f"&#{ord(char)};" for char in token),
    "reversed": lambda token: token[::-1],
}

# The forms of Retry-After, from seconds and the current time.
RETRY_AFTER: Mapping[RetryAfterForm, Callable[[int, float], str]] = {
    "seconds": lambda seconds, _: str(seconds),
    "date": lambda seconds, now: formatdate(now + seconds, usegmt=True),
    "past_date": lambda seconds, now: formatdate(now - seconds, usegmt=True),
    "float": lambda seconds, _: f"{seconds}.5",
    "negative": lambda seconds, _: f"-{seconds}",
    "huge": lambda seconds, _: f"{seconds}{'0' * 30}",
    "word": lambda _, __: "soon",
    "empty": lambda _, __: "",
}


def _page(title: str, text: str) -> str:
    return f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1>{text}</body>\r\n</html>\r\n"


# The forms of bodies: the content type, and the text from a title and a message.
BODIES: Mapping[Body, tuple[str, Callable[[str, str], str]]] = {
    "json": ("application/json", lambda _, text: json.dumps({"message": text})),
    "error": ("application/json", lambda _, text: json.dumps({"error": text})),
    "html": ("text/html", _page),
    "text": ("text/plain", lambda _, text: text),
    "empty": ("application/json", lambda _, __: ""),
}


def throttled(seconds: int, *, html: bool) -> Response:
    """Return a 429 with Retry-After. Source: reference 1.8. GUESS: Laravel's own headers and body."""
    return failure(Rule(kind="throttle", retry_after=seconds, body="html" if html else "json"), "", 0.0)


def failure(rule: Rule, token: str, now: float) -> Response:
    """Return an error as Laravel writes it, or as a proxy in front of it does."""
    is_throttle = rule.kind == "throttle"
    status = 429 if is_throttle else rule.status
    echoed = ECHOES[rule.echo](token)
    usual = "Too Many Attempts." if is_throttle else "Server Error"
    text = " ".join(filter(None, [rule.text or ("" if rule.body == "html" else usual), echoed]))
    headers = {"X-RateLimit-Remaining": "0"} if is_throttle else {}
    if is_throttle or rule.retry_after is not None:
        seconds = 1 if rule.retry_after is None else rule.retry_after
        headers["Retry-After"] = RETRY_AFTER[rule.retry_after_form](seconds, now)
    if echoed:
        headers["X-Token"] = echoed
    kind, write = BODIES[rule.body]
    title = f"{status} {HTTP_STATUS_CODES.get(status, 'Unknown Error')}"
    return Response(write(title, text), status, headers, content_type=kind)
