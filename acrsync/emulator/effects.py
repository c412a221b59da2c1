"""What each kind of fault does to a request and its answer; `EFFECTS` is the table, one line a kind.

Whatever ends a connection raises ConnectionAbortedError, which the server takes as its end. What is done to the bytes
of an answer is in `wire`.
"""

import socket
import struct
from collections.abc import Mapping
from contextlib import suppress

from werkzeug.wrappers import Response

from acrsync.emulator import wire
from acrsync.emulator.encounter import Effect, Encounter
from acrsync.emulator.failures import failure
from acrsync.emulator.faults import Kind
from acrsync.emulator.lag import Delay
from acrsync.emulator.profile import changed
from acrsync.emulator.state import OWNER, How
from acrsync.emulator.store import Bucket

UNRELATED = "unrelated-"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST, not FIN
USUAL_HANG_S = 60.0
USUAL_LAG_S = 2.0


def _error(met: Encounter) -> Response:
    return failure(met.rule, met.token, met.emulator.clock())


def _reset(met: Encounter) -> Response:
    met.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    raise ConnectionAbortedError("reset by a fault")


def _hang(met: Encounter) -> Response:
    met.connection.settimeout(met.rule.lasts(USUAL_HANG_S))
    with suppress(OSError):
        met.connection.recv(1, socket.MSG_PEEK)  # returns when the client has gone
    raise ConnectionAbortedError("hung by a fault")


def _after(effect: Effect) -> Effect:
    """Return the effect with the request done first and its answer thrown away."""

    def run(met: Encounter) -> Response:
        met.acted()
        return effect(met)

    return run


ENDS: Mapping[str, Effect] = {"reset": _reset, "hang": _hang, "error": _error}


def _late(met: Encounter) -> Response:
    met.emulator.post(met.acted, seconds=met.rule.lasts(USUAL_LAG_S))
    return ENDS[met.rule.then](met)


def _pretend(met: Encounter) -> Response:
    store = met.emulator.store
    with met.emulator.acting():
        before = dict(store.buckets())
        answer = met.acted()
        after = dict(store.buckets())
        for id_ in after.keys() - before.keys():
            store.delete(id_)
        for id_, row in before.items():
            if after.get(id_) != row:
                store.save(row)
    return answer


def _duplicate(met: Encounter) -> Response:
    first = met.acted()
    if met.rule.seconds:
        met.emulator.post(met.acted, seconds=met.rule.seconds)
        return first
    second = met.acted()
    return first if met.rule.answer == "first" else second


def _lag(met: Encounter) -> Response:
    seconds = met.rule.lasts(0.0 if met.rule.reads else USUAL_LAG_S)
    return met.act(How(delays=tuple(Delay(seconds, met.rule.reads, view) for view in met.rule.where)))


def _switch(met: Encounter) -> Response:
    return met.act(How(profile=changed(met.emulator.setup.profile, met.rule.switches)))


def _shift_create(met: Encounter) -> Response:
    answer, account = met.acted(), met.emulator.account(met.token)
    uid = account.uid if account else OWNER
    with met.emulator.acting():
        met.emulator.store.save(Bucket(uid=uid, name=f"{UNRELATED}{met.number}", type="File", region="eu-west-1"))
    return answer


def _shift_delete(met: Encounter) -> Response:
    answer, store = met.acted(), met.emulator.store
    with met.emulator.acting():
        if rows := [row.id for row in store.buckets().values() if row.name.startswith(UNRELATED)]:
            store.delete(max(rows))
    return answer


def _expire_token(met: Encounter) -> Response:
    met.emulator.expired.add(met.token)
    return met.acted()


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
