"""Which disruptions are rehearsed: every kind of fault that the emulator has, kills and signals, at each request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from acrsync.rehearse.cases import JSON, LAG_S, SLOW_S, Disruption, Fault, Interrupt, Kill

PROFILES = ("documented", "strict", "lenient")
# The list lags behind every write by a second, and nothing else keeps a name from being there twice.
LAGGING: Mapping[str, JSON] = {"base": "lenient", "list_lag_seconds": 1}
WRITES = ["POST", "PUT", "DELETE"]
TAKEN = "The name has already been taken."
METHODS = ("GET", *WRITES)
ASIDE = ".acrsync-"  # in the name that a swap gives a bucket for a moment
LATE_S = 0.2  # shorter than SETTLE_S: what lands later than that is beyond what is promised

# Every kind of fault that the emulator has, in each form that a client could take for another one.
FAULTS: tuple[Mapping[str, JSON], ...] = (
    {"kind": "throttle", "retry_after": 0},
    {"kind": "throttle", "retry_after": 0, "body": "html", "retry_after_form": "date"},
    {"kind": "error_before", "status": 500},
    {"kind": "error_before", "status": 502, "body": "html"},
    {"kind": "error_before", "status": 503, "retry_after": 0},
    {"kind": "error_before", "status": 504, "body": "html"},
    {"kind": "error_after", "status": 500},
    {"kind": "error_after", "status": 504, "body": "html"},
    # A proxy sent a write twice, and tells the second answer.
    {"kind": "error_after", "status": 400, "text": TAKEN, "body": "error", "method": WRITES},
    {"kind": "error_after", "status": 401, "method": WRITES},
    {"kind": "error_after", "status": 403, "method": WRITES},
    {"kind": "error_after", "status": 404, "body": "html", "method": WRITES},
    {"kind": "error_after", "status": 409, "body": "error", "method": WRITES},
    {"kind": "error_after", "status": 410, "method": WRITES},
    {"kind": "error_after", "status": 412, "body": "empty", "method": WRITES},
    {"kind": "error_after", "status": 413, "body": "html", "method": WRITES},
    {"kind": "error_after", "status": 422, "text": TAKEN, "method": WRITES},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "hang_before", "seconds": SLOW_S},
    {"kind": "hang_after", "seconds": SLOW_S},
    {"kind": "late", "seconds": LATE_S},
    {"kind": "late", "seconds": LATE_S, "then": "error", "status": 504, "body": "html"},
    {"kind": "pretend"},
    {"kind": "interim"},
    {"kind": "interim", "interim": [102, 103]},
    {"kind": "malformed", "form": "extra_bytes"},
    {"kind": "malformed", "form": "two_answers"},
    {"kind": "malformed", "form": "length_short"},
    {"kind": "malformed", "form": "length_long"},
    {"kind": "malformed", "form": "length_twice"},
    {"kind": "malformed", "form": "length_negative"},
    {"kind": "malformed", "form": "length_and_chunks"},
    {"kind": "malformed", "form": "chunk_of_bad_size"},
    {"kind": "malformed", "form": "header_without_colon"},
    {"kind": "malformed", "form": "bad_status_line"},
    {"kind": "malformed", "form": "not_http"},
    {"kind": "cut_body"},
    {"kind": "cut_body", "framing": "chunked"},
    {"kind": "cut_body", "framing": "close"},
    {"kind": "drip_body", "seconds": SLOW_S},
    {"kind": "endless_body", "seconds": SLOW_S},
    {"kind": "huge_body", "megabytes": 2},
    {"kind": "gzip_bomb", "megabytes": 2},
    {"kind": "duplicate", "answer": "first"},
    {"kind": "duplicate", "answer": "second"},
    {"kind": "duplicate", "seconds": LATE_S},
    {"kind": "lag", "seconds": LAG_S},
    {"kind": "lag", "reads": 1},
    {"kind": "lag", "seconds": LAG_S, "where": ["get"]},
    {"kind": "lag", "seconds": LAG_S, "where": ["list", "get"]},
    {"kind": "switch", "switches": {"create_answer": "another_row", "update_answer": "another_row"}},
    {"kind": "switch", "switches": {"create_answer": "as_sent", "update_answer": "old_row"}},
    {"kind": "switch", "switches": {"create_answer": "null", "update_answer": "null", "delete_status": 202}},
    {"kind": "switch", "switches": {"total_off": 1}},
    {"kind": "switch", "switches": {"page_rows_cap": 2}},
    {"kind": "switch", "switches": {"labels_shown": "object"}},
    {"kind": "shift_create"},
    {"kind": "shift_delete"},
    {"kind": "expire_token"},
)


def disruptions(requests: Sequence[tuple[str, str]]) -> Iterator[Disruption]:
    """Yield everything that can happen at every request of a run, given as method and description.

    Left out is what lands late of the first step of a swap: that bucket is written again at once, and a PUT that is
    overtaken by a later one undoes it. No client can prevent that, and only a swap writes twice to a bucket.
    """
    for at, (method, described) in enumerate(requests, start=1):
        for acted in (False, True):
            yield Kill(acted, at)
        yield Interrupt("SIGINT" if at % 2 else "SIGTERM", 1, at)
        yield Interrupt("SIGTERM" if at % 2 else "SIGINT", 2, at)
        for rule in FAULTS:
            lands_late = rule["kind"] in ("late", "duplicate") and rule.get("seconds")
            if method in rule.get("method", METHODS) and not (lands_late and ASIDE in described):
                yield Fault(rule, at)
