"""The control API below `/_emulator/`: sets and reads the emulator's state. Without a token, from this machine only."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from acrsync.emulator import copies, faults, profile, seeds
from acrsync.emulator.documents import decode, mapping
from acrsync.emulator.state import OWNER, Account, Emulator
from acrsync.emulator.store import Bucket

PREFIX = "/_emulator/"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_SEEDED = 1_000_000
MAX_LATENCY_MS = 60_000
Action = Callable[[Emulator, Any, str], object]


@dataclass(frozen=True, slots=True)
class _Content:
    files: int | None = None
    channels: int | None = None
    seconds: int | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class _Overlay:
    show: Mapping[str, object] = field(default_factory=dict)
    hide: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Stream:
    project_id: int
    stream_id: str
    uid: int = OWNER


@dataclass(frozen=True, slots=True)
class _Clock:
    advance: float = 0.0
    stopped: bool | None = None


def _reset(emulator: Emulator, body: Any, _: str) -> object:
    """Reset to the first setup, with the changes in the body."""
    given = mapping(body, "reset")
    if unknown := sorted(set(given) - {"rows", "seed", "copy", "accounts", "profile", "faults", "latency_ms", "clock"}):
        raise ValueError(f"reset has no {unknown[0]!r}")
    setup = emulator.first_setup
    copy = copies.read(given["copy"], OWNER) if "copy" in given else copies.Copy(OWNER)
    owner, *others = setup.accounts
    setup = replace(setup, accounts=(replace(owner, uid=copy.uid), *others))
    if "accounts" in given:
        setup = replace(setup, accounts=(*setup.accounts, *_all(Account, given["accounts"], "accounts")))
    if "profile" in given:
        setup = replace(setup, profile=_profile(given["profile"]))
    if "faults" in given:
        setup = replace(setup, plan=faults.from_document(given["faults"]))
    if "latency_ms" in given:
        setup = replace(setup, latency_ms=_latency(given))
    move = _clock(given.get("clock"))
    rows = [*_rows(given), *copy.rows]
    emulator.store.reset(rows)
    for referrer in copy.referrers:
        emulator.store.add_referrer(referrer)
    emulator.restart(setup)
    move(emulator)
    return {"buckets": len(rows)}


def _rows(given: Mapping[str, object]) -> list[Bucket]:
    count = mapping(given.get("seed"), "seed").get("buckets", 0)
    if type(count) is not int or not 0 <= count <= MAX_SEEDED:
        raise ValueError(f"seed, buckets must be a whole number up to {MAX_SEEDED}")
    rows = given.get("rows", "empty" if {"seed", "copy"} & set(given) else "documented")
    if rows not in ("documented", "empty") and not isinstance(rows, list):
        raise ValueError("rows must be documented, empty or a list")
    first = rows if isinstance(rows, list) else []
    named = seeds.VENDOR_ROWS if rows == "documented" else ()
    return [*named, *(_row(row, f"row {place}") for place, row in enumerate(first, 1)), *seeds.invented_rows(count)]


def _row(document: object, where: str) -> Bucket:
    """Return a stored row from one in the form of the API or of `state`."""
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
    """Set the content of a bucket. What the body leaves out stays; `size` follows the number of files."""
    row = _stored(emulator, name)
    wanted = decode(_Content, body, "content")
    if wanted.status is not None:
        row = emulator.store.save(replace(row, content_status=wanted.status))
    rules = emulator.rules(row.uid)
    if (wanted.files, wanted.channels, wanted.seconds) == (None, None, None):
        return {"data": rules.shown(row)}
    files = row.files if wanted.files is None else wanted.files
    channels = row.channels if wanted.channels is None else wanted.channels
    seconds = files * 212 if wanted.seconds is None else wanted.seconds
    return {"data": rules.set_content(row, files=files, channels=channels, seconds=seconds)}


def _stored(emulator: Emulator, name: str) -> Bucket:
    row = emulator.store.buckets().get(int(name) if re.fullmatch("-?[0-9]{1,18}", name) else 0)
    if row is None:
        raise ValueError("no such bucket")
    return row


def _add_bucket(emulator: Emulator, body: Any, _: str) -> object:
    """Add a bucket that answers show exactly as in the body, or replace the one with its id."""
    row = emulator.store.save(copies.bucket(mapping(body, "bucket"), OWNER))
    return {"id": row.id, "data": emulator.rules(row.uid).shown(row)}


def _delete_bucket(emulator: Emulator, _: Any, name: str) -> object:
    """Delete a bucket with its content, as a user of the console can."""
    emulator.store.delete(_stored(emulator, name).id)
    return {}


def _overlay(emulator: Emulator, body: Any, name: str) -> object:
    """Set which fields of a bucket are shown as given or hidden, until a PUT sets them. Replaces earlier settings."""
    overlay = decode(_Overlay, body, "shown")
    row = emulator.store.save(replace(_stored(emulator, name), show=overlay.show, hide=overlay.hide))
    return {"data": emulator.rules(row.uid).shown(row)}


def _clock(body: object) -> Callable[[Emulator], None]:
    """Return a function that sets the clock: `advance` by seconds, `stopped` or not."""
    wanted = decode(_Clock, body, "clock")

    def move(emulator: Emulator) -> None:
        if wanted.stopped is not None:
            (emulator.clock.stop if wanted.stopped else emulator.clock.run)()
        emulator.clock.advance(wanted.advance)

    return move


def _post_clock(emulator: Emulator, body: Any, _: str) -> object:
    _clock(body)(emulator)
    return {"now": emulator.clock()}


def _reference(emulator: Emulator, body: Any, name: str) -> object:
    return asdict(emulator.store.add_referrer(copies.reference(name, body, OWNER)))


def _results(emulator: Emulator, body: Any, _: str) -> object:
    """Add monitoring results: `{"project_id", "stream_id", "results": [...]}`, and `uid` for another account."""
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
    emulator.configure(replace(emulator.setup, profile=_profile(body)))
    return profile.to_document(emulator.setup.profile)


def _profile(document: object) -> profile.Profile:
    """Return a profile, given by name or as in a profile file."""
    return profile.named(document) if isinstance(document, str) else profile.from_document(document)


def _put_faults(emulator: Emulator, body: Any, _: str) -> object:
    emulator.configure(replace(emulator.setup, plan=faults.from_document(body)))
    return faults.to_document(emulator.setup.plan)


def _put_latency(emulator: Emulator, body: Any, _: str) -> object:
    emulator.setup = replace(emulator.setup, latency_ms=_latency(mapping(body, "latency")))
    return {"latency_ms": emulator.setup.latency_ms}


def _latency(given: Mapping[str, object]) -> float:
    latency = given.get("latency_ms")
    if isinstance(latency, bool) or not isinstance(latency, int | float) or not 0 <= latency <= MAX_LATENCY_MS:
        raise ValueError(f"latency_ms must be a number from 0 to {MAX_LATENCY_MS}")
    return float(latency)


def _route(method: str, path: str, action: Action) -> Rule:
    return Rule(PREFIX + path, methods=[method], endpoint=action)


ROUTES = Map(
    [
        _route("POST", "reset", _reset),
        _route("GET", "state", _state),
        _route("POST", "buckets", _add_bucket),
        _route("DELETE", "buckets/<name>", _delete_bucket),
        _route("POST", "buckets/<name>/content", _content),
        _route("POST", "buckets/<name>/shown", _overlay),
        _route("POST", "references/<name>", _reference),
        _route("POST", "results", _results),
        _route("GET", "requests", lambda emulator, _, __: {"requests": emulator.log.to_document()}),
        _route("DELETE", "requests", _clear_requests),
        _route("GET", "profile", lambda emulator, _, __: profile.to_document(emulator.setup.profile)),
        _route("PUT", "profile", _put_profile),
        _route("GET", "faults", lambda emulator, _, __: faults.to_document(emulator.setup.plan)),
        _route("PUT", "faults", _put_faults),
        _route("POST", "latency", _put_latency),
        _route("GET", "clock", lambda emulator, _, __: {"now": emulator.clock()}),
        _route("POST", "clock", _post_clock),
    ]
)


def handle(emulator: Emulator, request: Request) -> Response:
    """Return the answer to a control request: JSON; 400 with the reason if the request is invalid.

    A Host header that is not loopback is refused, so that no web page can use the control API through DNS rebinding.
    """
    try:
        if urlsplit(f"//{request.host}").hostname not in LOOPBACK:
            return _json(403, {"error": "The control API is only available from this machine."})
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
