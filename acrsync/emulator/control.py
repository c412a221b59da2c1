"""The control prefix `/_emulator/`: set the stage, look behind it. No token, but only from this machine."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from acrsync.emulator import faults, profile, seeds
from acrsync.emulator.documents import decode, mapping
from acrsync.emulator.related import REFERRERS
from acrsync.emulator.state import OWNER, Account, Emulator
from acrsync.emulator.store import Bucket, Referrer

PREFIX = "/_emulator/"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_SEEDED = 1_000_000
MOST_LATENCY_MS = 60_000
Action = Callable[[Emulator, Any, str], object]


@dataclass(frozen=True, slots=True)
class _Content:
    files: int | None = None
    channels: int | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class _Stream:
    project_id: int
    stream_id: str
    uid: int = OWNER


def _reset(emulator: Emulator, body: Any, _: str) -> object:
    """Go back to the start, with the changes that the body names."""
    given = mapping(body, "reset")
    if unknown := sorted(set(given) - {"rows", "seed", "accounts", "profile", "faults", "latency_ms"}):
        raise ValueError(f"reset has no {unknown[0]!r}")
    setup = emulator.first_setup
    if "accounts" in given:
        setup = replace(setup, accounts=(*setup.accounts, *_all(Account, given["accounts"], "accounts")))
    if "profile" in given:
        setup = replace(setup, profile=_profile(given["profile"]))
    if "faults" in given:
        setup = replace(setup, plan=faults.from_document(given["faults"]))
    if "latency_ms" in given:
        setup = replace(setup, latency_ms=_latency(given))
    rows = _rows(given)
    emulator.store.reset(rows)
    emulator.log.clear()
    emulator.set_up(setup)
    return {"buckets": len(rows)}


def _rows(given: Mapping[str, object]) -> list[Bucket]:
    count = mapping(given.get("seed"), "seed").get("buckets", 0)
    if type(count) is not int or not 0 <= count <= MOST_SEEDED:
        raise ValueError(f"seed, buckets must be a whole number up to {MOST_SEEDED}")
    rows = given.get("rows", "empty" if "seed" in given else "documented")
    if rows not in ("documented", "empty") and not isinstance(rows, list):
        raise ValueError("rows must be documented, empty or a list")
    first = rows if isinstance(rows, list) else []
    named = seeds.VENDOR_ROWS if rows == "documented" else ()
    return [*named, *(_row(row, f"row {place}") for place, row in enumerate(first, 1)), *seeds.invented_rows(count)]


def _row(document: object, where: str) -> Bucket:
    """Return a stored row from one that is written as the API shows it, or as `state` does."""
    given = dict(mapping(document, where))
    num, size = given.pop("num", None), given.pop("size", None)
    if num is not None:
        given.setdefault("channels" if str(given.get("type")).startswith("Live") else "files", num)
    if size is not None:
        given.setdefault("seconds", int(size) if isinstance(size, str) and size.isdigit() else size)
    return decode(Bucket, {"type": "File", "region": "eu-west-1", **given}, where)


def _all(kind: Any, documents: object, where: str) -> list[Any]:
    if not isinstance(documents, list):
        raise ValueError(f"{where} must be a list")
    return [decode(kind, document, f"{where}, {place}") for place, document in enumerate(documents, 1)]


def _state(emulator: Emulator, _: Any, __: str) -> object:
    store = emulator.store
    return {
        "buckets": [asdict(row) for row in sorted(store.buckets().values(), key=lambda row: row.id)],
        "references": [asdict(one) for one in store.referrers()],
    }


def _content(emulator: Emulator, body: Any, name: str) -> object:
    """Say how much a bucket holds; what the body leaves out stays, and size follows the number of files."""
    row = emulator.store.buckets().get(int(name) if name.isdigit() else 0)
    if row is None:
        raise ValueError("no such bucket")
    wanted = decode(_Content, body, "content")
    files = row.files if wanted.files is None else wanted.files
    channels = row.channels if wanted.channels is None else wanted.channels
    seconds = files * 212 if wanted.seconds is None else wanted.seconds
    rules = emulator.rules(row.uid)
    return {"data": rules.set_content(row, files=files, channels=channels, seconds=seconds)}


def _reference(emulator: Emulator, body: Any, name: str) -> object:
    if name not in REFERRERS:
        raise ValueError(f"references are {', '.join(REFERRERS)}")
    given = {**mapping(body, "reference"), "kind": name}
    known = {key: given.pop(key) for key in ("kind", "id", "uid", "name", "region", "type") if key in given}
    used = given.pop("buckets", [])
    if not isinstance(used, list) or not all(type(one) in (int, str) for one in used):
        raise ValueError("buckets must be a list of ids and names")
    referrer = decode(Referrer, known, "reference")
    return asdict(emulator.store.add_referrer(replace(referrer, buckets=tuple(used), extra=given)))


def _results(emulator: Emulator, body: Any, _: str) -> object:
    """Add monitoring results: `{"project_id", "stream_id", "results": [...]}`, and `uid` where it is another's."""
    given = dict(mapping(body, "results"))
    entries = given.pop("results", [])
    if not isinstance(entries, list):
        raise ValueError("results must be a list")
    stream = decode(_Stream, given, "results")
    kept = [mapping(entry, "results") for entry in entries]
    emulator.store.add_results(stream.uid, stream.project_id, stream.stream_id, kept)
    return {"results": len(entries)}


def _clear_requests(emulator: Emulator, _: Any, __: str) -> object:
    emulator.log.clear()
    return {}


def _put_profile(emulator: Emulator, body: Any, _: str) -> object:
    emulator.set_up(replace(emulator.setup, profile=_profile(body)))
    return profile.to_document(emulator.setup.profile)


def _profile(document: object) -> profile.Profile:
    """Return a profile given by name, or as the YAML file has it."""
    return profile.named(document) if isinstance(document, str) else profile.from_document(document)


def _put_faults(emulator: Emulator, body: Any, _: str) -> object:
    emulator.set_up(replace(emulator.setup, plan=faults.from_document(body)))
    return faults.to_document(emulator.setup.plan)


def _put_latency(emulator: Emulator, body: Any, _: str) -> object:
    emulator.setup = replace(emulator.setup, latency_ms=_latency(mapping(body, "latency")))
    return {"latency_ms": emulator.setup.latency_ms}


def _latency(given: Mapping[str, object]) -> float:
    latency = given.get("latency_ms")
    if isinstance(latency, bool) or not isinstance(latency, int | float) or not 0 <= latency <= MOST_LATENCY_MS:
        raise ValueError(f"latency_ms must be a number from 0 to {MOST_LATENCY_MS}")
    return float(latency)


def _route(method: str, path: str, action: Action) -> Rule:
    return Rule(PREFIX + path, methods=[method], endpoint=action)


ROUTES = Map(
    [
        _route("POST", "reset", _reset),
        _route("GET", "state", _state),
        _route("POST", "buckets/<name>/content", _content),
        _route("POST", "references/<name>", _reference),
        _route("POST", "results", _results),
        _route("GET", "requests", lambda emulator, _, __: {"requests": emulator.log.to_document()}),
        _route("DELETE", "requests", _clear_requests),
        _route("GET", "profile", lambda emulator, _, __: profile.to_document(emulator.setup.profile)),
        _route("PUT", "profile", _put_profile),
        _route("GET", "faults", lambda emulator, _, __: faults.to_document(emulator.setup.plan)),
        _route("PUT", "faults", _put_faults),
        _route("POST", "latency", _put_latency),
    ]
)


def handle(emulator: Emulator, request: Request) -> Response:
    """Return the answer to a request below the control prefix: JSON, and a 400 with the reason for what does not fit.

    A Host header that is not loopback is refused: no page in a browser may reset the emulator through its own name.
    """
    try:
        if urlsplit(f"//{request.host}").hostname not in LOOPBACK:
            return _json(403, {"error": "The control prefix is for this machine only."})
        action, path = ROUTES.bind("").match(request.path, request.method)
        body = json.loads(request.get_data() or b"null")
        with emulator.acting():
            return _json(200, action(emulator, body, path.get("name", "")))
    except HTTPException as error:
        return _json(error.code or 404, {"error": error.name})
    except (ValueError, RecursionError) as error:
        return _json(400, {"error": str(error)})


def _json(status: int, body: object) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")
