"""What each kind of fault does to a request and its answer; `EFFECTS` is the table, one line per kind.

An effect that ends the connection raises ConnectionAbortedError. Effects on the bytes of an answer are in `wire`.
"""

import socket
import struct
from collections.abc import Mapping
from contextlib import suppress

from werkzeug.wrappers import Response

from acrsync.emulator import wire
from acrsync.emulator.failures import failure
from acrsync.emulator.faulted import Effect, FaultedRequest
from acrsync.emulator.faults import Kind
from acrsync.emulator.lag import Delay
from acrsync.emulator.profile import changed
from acrsync.emulator.state import OWNER, Overrides
from acrsync.emulator.store import Bucket

UNRELATED = "unrelated-"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST, not FIN
USUAL_HANG_S = 60.0
USUAL_LAG_S = 2.0


def _error(request: FaultedRequest) -> Response:
    return failure(request.rule, request.token, request.emulator.clock())


def _reset(request: FaultedRequest) -> Response:
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    raise ConnectionAbortedError("reset by a fault")


def _hang(request: FaultedRequest) -> Response:
    request.connection.settimeout(request.rule.duration(USUAL_HANG_S))
    with suppress(OSError):
        request.connection.recv(1, socket.MSG_PEEK)  # returns when the client has gone
    raise ConnectionAbortedError("hung by a fault")


def _after(effect: Effect) -> Effect:
    """Return the effect after the request is carried out and its answer is dropped."""

    def run(request: FaultedRequest) -> Response:
        request.forward()
        return effect(request)

    return run


ENDS: Mapping[str, Effect] = {"reset": _reset, "hang": _hang, "error": _error}


def _late(request: FaultedRequest) -> Response:
    request.emulator.schedule(request.forward, seconds=request.rule.duration(USUAL_LAG_S))
    return ENDS[request.rule.then](request)


def _pretend(request: FaultedRequest) -> Response:
    store = request.emulator.store
    with request.emulator.acting():
        before = dict(store.buckets())
        answer = request.forward()
        after = dict(store.buckets())
        for id_ in after.keys() - before.keys():
            store.delete(id_)
        for id_, row in before.items():
            if after.get(id_) != row:
                store.save(row)
    return answer


def _duplicate(request: FaultedRequest) -> Response:
    first = request.forward()
    if request.rule.seconds:
        request.emulator.schedule(request.forward, seconds=request.rule.seconds)
        return first
    second = request.forward()
    return first if request.rule.answer == "first" else second


def _lag(request: FaultedRequest) -> Response:
    seconds = request.rule.duration(0.0 if request.rule.reads else USUAL_LAG_S)
    return request.act(Overrides(delays=tuple(Delay(seconds, request.rule.reads, view) for view in request.rule.where)))


def _switch(request: FaultedRequest) -> Response:
    return request.act(Overrides(profile=changed(request.emulator.setup.profile, request.rule.switches)))


def _shift_create(request: FaultedRequest) -> Response:
    answer, account = request.forward(), request.emulator.account(request.token)
    uid = account.uid if account else OWNER
    with request.emulator.acting():
        request.emulator.store.save(
            Bucket(uid=uid, name=f"{UNRELATED}{request.number}", type="File", region="eu-west-1")
        )
    return answer


def _shift_delete(request: FaultedRequest) -> Response:
    answer, store = request.forward(), request.emulator.store
    with request.emulator.acting():
        if rows := [row.id for row in store.buckets().values() if row.name.startswith(UNRELATED)]:
            store.delete(max(rows))
    return answer


def _expire_token(request: FaultedRequest) -> Response:
    request.emulator.expired.add(request.token)
    return request.forward()


EFFECTS: Mapping[Kind, Effect] = {
    "throttle": _error,
    "error_before": _error,
    "error_after": _after(_error),
    "reset_before": _reset,
    "reset_after": _after(_reset),
    "hang_before": _hang,
    "hang_after": _after(_hang),
    "late": _late,
    "pretend": _pretend,
    "interim": wire.interim,
    "malformed": wire.malformed,
    "cut_body": wire.cut_body,
    "drip_body": wire.drip_body,
    "endless_body": wire.endless_body,
    "huge_body": wire.huge_body,
    "gzip_bomb": wire.gzip_bomb,
    "duplicate": _duplicate,
    "lag": _lag,
    "switch": _switch,
    "shift_create": _shift_create,
    "shift_delete": _shift_delete,
    "expire_token": _expire_token,
}
