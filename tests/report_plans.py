"""Plans made by hand for the tests of reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from acrsync.diagnostics import Diagnostic, Severity, Span
from acrsync.model import JSON, Approval, Desired, Limit, Live, Manifest, Prune, Removed
from acrsync.plan.changes import Action, Create, Delete, Keep, Kept, Marks, Objection, Replace, Update, Work
from acrsync.plan.document import Plan
from acrsync.plan.earlier import Unsettled
from acrsync.plan.outcome import ExitCode, Run

ENDPOINT = "https://api-v2.acrcloud.com"
TEMPLATE = {"artist": {"default": "unknown"}, "album": {"type": "select", "default": "334", "options": ["123", "334"]}}
RUN = Run(datetime(2026, 8, 1, 9, 30, tzinfo=UTC), ExitCode.DONE, version="0.0.0")


def live(
    bucket_id: int, name: str, *, marks: tuple[str, ...] = (), num: int | None = 0, uid: int = 19, **attrs: JSON
) -> Live:
    facts = {"uid": uid, "num": num, "updated_at": "2024-05-01 07:10:16"}
    known = {"region": "eu-west-1", "type": "File", "net_type": 1, "labels": [], "metadata_template": None}
    return Live(bucket_id, {"name": name, **known, **attrs}, marks, facts)


def desired(name: str, *, line: int = 7, **attrs: JSON) -> Desired:
    return Desired({"name": name, **attrs}, Span("radio.yaml", line, 5))


def error(code: str, summary: str, detail: str, fix: str = "", *, line: int | None = None) -> Diagnostic:
    span = Span("radio.yaml", line, 5) if line else None
    return Diagnostic(Severity.ERROR, code, summary, detail, fix, span)


def plan_of(*waves: tuple[Work, ...], kept: tuple[Keep, ...] = (), **rest: JSON) -> Plan:
    return Plan(waves, kept, **{"uid": 19, "endpoint": ENDPOINT, **rest})


def unmanaged(*names: str, kept: Kept = Kept.UNMANAGED) -> tuple[Keep, ...]:
    uid = 20 if kept is Kept.FOREIGN else 19
    return tuple(Keep(live(100 + index, name, uid=uid), kept) for index, name in enumerate(names))


RENAME = Update(
    replace(desired("archive", labels=["Old"]), was="old-archive"),
    live(8881, "old-archive", labels=["Old"]),
    ("name",),
    "name differs",
)
CREATE = Create(
    desired("radio-live", region="us-west-2", type="Live", labels=["Music"], metadata_template=TEMPLATE),
    "not in the account",
    Marks(add=("acrsync:radio",)),
)
UPDATE = Update(
    replace(desired("music", labels=["Commercial", "Music"], metadata_template=None), protect=False),
    live(1116, "music", labels=["Music"], metadata_template=TEMPLATE, marks=("acrsync:protected", "acrsync:radio")),
    ("labels", "metadata_template"),
    "labels, metadata_template differ",
    Marks(remove=("acrsync:protected",)),
    (8881,),
)
REPLACE = Replace(
    desired("us-bucket", region="us-west-2", type="File", net_type=1, labels=[], metadata_template=None),
    live(1159, "us-bucket", region="global"),
    ("region",),
    "region cannot change in place",
)
DELETE = Delete(live(12309, "ads-2019", type="LiveRec"), "listed in `removed`")
IN_SYNC = Keep(live(14791, "test", type="Live"), Kept.IN_SYNC, desired("test", region="eu-west-1", type="Live"))

TOO_MANY = Objection("deletes", error("E303", "Too many deletes", "2 buckets would go; at most 1 may.", "check it."))
IN_USE = Objection(
    "in-use",
    error("E308", "Bucket is in use", "base-project radio (id 7) uses it.", "detach it."),
    12309,
    "in-use:12309",
)

EVERYTHING = Plan(
    waves=((RENAME,), (CREATE,), (UPDATE,), (REPLACE,), (DELETE,)),
    kept=(*unmanaged("theirs", kept=Kept.FOREIGN), IN_SYNC, *unmanaged("left", "over")),
    manifest=Manifest(
        desired=(
            RENAME.desired,
            CREATE.desired,
            UPDATE.desired,
            desired("us-bucket", region="us-west-2"),
            desired("test"),
        ),
        removed=(Removed("ads-2019", span=Span("radio.yaml", 30, 12)), Removed("legacy", forget=True)),
        approvals=(Approval("replace", 1159, "OPS-311", Span("radio.yaml", 40, 9)), Approval("takeover", 3)),
        stack="radio",
        account_uid=19,
        ownership=True,
        prune=Prune.STACK,
        deletes_limit=Limit(1),
        files=("radio.yaml",),
        spans={"prune": Span("radio.yaml", 4, 1)},
    ),
    uid=19,
    endpoint=ENDPOINT,
    diagnostics=(
        Diagnostic(Severity.WARNING, "W310", "This approval has no effect", "takeover:3", "remove the line."),
    ),
    objections=(IN_USE, TOO_MANY),
    approved=(Approval("replace", 1159, "OPS-311", Span("radio.yaml", 40, 9)),),
    open=(Unsettled("20260801T080000Z-abcdef", Action.CREATE, "ads-2020"),),
    notes=("ads-2019: its content list cannot be read, so its `num` decides that it is empty.",),
)
