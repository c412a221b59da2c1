"""A plan, or an apply, as one JSON document, for programs. A saved plan is such a document.

`schemas/plan.v1.json` describes each property. Within format 1, keys are only added: none is renamed or removed or gets
another meaning. The document is ASCII only, so that no character can hide another.

It has two fingerprints. A person approves the `digest`: it is the same whenever the same changes are planned, so it
does not depend on time, positions in files, server facts or the words of messages. The `checksum` covers everything, so
it also finds edits in the parts that are not in the digest.

Why `num` is in the digest of a delete and a replacement, although it is a server fact: acrsync compares it right before
such a change, and the approval of a digest must not approve a file with an edited count. Only empty buckets are
deleted, so `num` is stable in every plan that can be applied.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime

from acrsync.bucket import FIELDS
from acrsync.diagnostics import Diagnostic, Severity
from acrsync.frozen import frozen
from acrsync.model import JSON, MARK, Approval, Live, Manifest
from acrsync.plan.changes import Action, Change, Delete, Keep, Kept, Objection, Replace, Work, action_of, live_of
from acrsync.plan.codec import each, maybe
from acrsync.plan.earlier import Unsettled
from acrsync.plan.outcome import End, ExitCode, Outcome, Run, exit_code
from acrsync.plan.parts import APPROVAL, CHANGES, DIAGNOSTIC, LIVE, MANIFEST, NO_PARTS, OBJECTION, SPAN, UNSETTLED
from acrsync.visible import harmless_json

FORMAT_VERSION = "1.0"
TYPE = "acrcloud_bucket"
OF_ONE_BUCKET = frozenset({"E211", "E212"})  # errors that do not stop changes to other buckets

# Terraform's words: a search for "delete" finds everything that destroys.
ACTIONS: Mapping[Action, tuple[str, ...]] = {
    Action.CREATE: ("create",),
    Action.RENAME: ("update",),
    Action.UPDATE: ("update",),
    Action.REPLACE: ("delete", "create"),
    Action.DELETE: ("delete",),
    Action.KEEP: ("no-op",),
}


@frozen
class Plan:
    """The changes in the order of an apply, the buckets that stay as they are, and errors and objections."""

    # The changes of one wave are independent of each other. A wave ends before the next one begins.
    waves: tuple[tuple[Work, ...], ...] = ()
    kept: tuple[Keep, ...] = ()
    manifest: Manifest = field(default_factory=Manifest)
    uid: int | None = None  # the account, if it is known
    endpoint: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    objections: tuple[Objection, ...] = ()
    approved: tuple[Approval, ...] = ()  # approvals of objections to this plan
    notes: tuple[str, ...] = ()  # facts to show with the plan, for people
    open: tuple[Unsettled, ...] = ()  # what earlier runs had left open when this was planned
    made_at: datetime | None = field(default=None, compare=False)

    @property
    def work(self) -> tuple[Work, ...]:
        """All changes that write, in order."""
        return tuple(change for wave in self.waves for change in wave)

    @property
    def changes(self) -> Iterator[Change]:
        """All changes: those that write, then the buckets that stay as they are."""
        yield from self.work
        yield from self.kept

    @property
    def lives(self) -> tuple[Live, ...]:
        """The bucket of each change that is not a create."""
        return tuple(live for change in self.changes if (live := live_of(change)))

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)

    @property
    def refusing(self) -> tuple[Diagnostic, ...]:
        """The errors that refuse the whole plan. Each of the others only stops the change to one bucket."""
        return tuple(error for error in self.errors if error.code not in OF_ONE_BUCKET)

    @property
    def can_apply(self) -> bool:
        """Whether the plan may be applied. This is the only place that decides it."""
        return not self.refusing and not self.objections

    @property
    def destructive(self) -> bool:
        """Whether a bucket would be deleted, also to be replaced."""
        return any(isinstance(change, Delete | Replace) for change in self.work)

    def counts(self) -> dict[Action, int]:
        """Return how many buckets each action means, zeros included; a swap takes two steps with one bucket."""
        counts = dict.fromkeys(Action, 0)
        for action, _ in {(action_of(change), _identity(change)) for change in self.changes}:
            counts[action] += 1
        return counts

    @property
    def digest(self) -> str:
        """The hash of the changes, and of the account they are for."""
        return _digest(
            {
                "account": {"uid": self.uid, "endpoint": self.endpoint},
                "manifest": MANIFEST.write(self.manifest),
                "resource_changes": [
                    _entry(change, self, wave)
                    for wave, wave_of in enumerate(filter(None, self.waves), 1)
                    for change in wave_of
                ],
                "objections": each(OBJECTION).write(self.objections),
                "approved": each(APPROVAL).write(self.approved),
                "diagnostics": each(DIAGNOSTIC).write(self.errors),
            }
        )

    def to_json(self) -> str:
        """Return the plan as `acrsync plan --out` saves it."""
        assert self.made_at is not None, "A plan without a time cannot be saved. This is a bug in acrsync."
        return json_text(self, Run(self.made_at, self.exit_code()))

    def exit_code(self, *, detailed: bool = False, unmanaged: bool = False) -> ExitCode:
        """Return the exit code of a command that shows this plan.

        `detailed`: 2 if it has changes. `unmanaged`: 2 if there are unmanaged buckets.
        """
        changes = detailed and bool(self.work)
        changes = changes or (unmanaged and any(keep.kept is Kept.UNMANAGED for keep in self.kept))
        return exit_code(End(objections=bool(self.objections), errors=bool(self.errors), changes=changes))


def _identity(change: Change) -> int | str:
    live = live_of(change)
    return live.id if live else change.name


def plan_document(plan: Plan | None, run: Run) -> dict[str, JSON]:
    """Return the document of a run. Without a plan it has little more than diagnostics and the exit code."""
    shown = plan or Plan()
    diagnostics = (*shown.diagnostics, *run.diagnostics)
    if run.outcomes is None:  # an error of the run refuses the saved plan, too
        shown = replace(shown, diagnostics=diagnostics)
    document: dict[str, JSON] = {
        "format_version": FORMAT_VERSION,
        "acrsync_version": run.version,
        "timestamp": run.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "exit_code": int(run.exit_code),
        "account": {"uid": shown.uid, "endpoint": shown.endpoint},
        "manifest": MANIFEST.write(plan.manifest) if plan else None,
        "resource_changes": [
            *(_entry(change, shown, wave) for wave, wave_of in enumerate(shown.waves, 1) for change in wave_of),
            *(_entry(keep, shown, None) for keep in shown.kept if keep.kept is Kept.IN_SYNC),
        ],
        "unmanaged": [
            {"name": keep.name, "kept": keep.kept, **LIVE.write(keep.live)}
            for keep in shown.kept
            if keep.kept is not Kept.IN_SYNC
        ],
        "objections": each(OBJECTION).write(shown.objections),
        "approved": each(APPROVAL).write(shown.approved),
        "diagnostics": each(DIAGNOSTIC).write(diagnostics),
        "notes": list(shown.notes),
        "open": each(UNSETTLED).write(shown.open),
        "summary": _summary(shown),
        "requests": dict(run.requests),
    }
    document["digest"] = _digest(document) if plan else None
    if run.outcomes is not None:
        document["outcomes"] = [_outcome(outcome) for outcome in run.outcomes]
        document["verified"] = run.verified
    document["checksum"] = checksum(document)
    return document


def json_text(plan: Plan | None, run: Run) -> str:
    """Return the document as text, with the keys in the order of reading."""
    return harmless_json(json.dumps(plan_document(plan, run), indent=2, allow_nan=False)) + "\n"


def checksum(document: Mapping[str, JSON]) -> str:
    """Return the hash of everything in a document except the checksum itself."""
    return _hash({key: value for key, value in document.items() if key != "checksum"})


def _digest(document: Mapping[str, JSON]) -> str:
    """Return the hash of the meaning of a document.

    Included: account, manifest, each change with its wave and the live values that are compared right before it,
    objections, used approvals, codes of errors. Not included: unchanged buckets, reasons, words, positions.
    """
    manifest = document["manifest"]
    return _hash(
        {
            "account": document["account"],
            "manifest": {
                **{key: manifest[key] for key in ("stack", "account", "ownership", "prune", "limits")},
                "buckets": sorted(
                    map(_unplaced, manifest["buckets"]), key=lambda entry: str(entry["attributes"]["name"])
                ),
                "removed": sorted(map(_removes, manifest["removed"])),
                "allow": sorted([_approves(approval), approval["reason"]] for approval in manifest["allow"]),
            },
            "changes": [_meaning(entry) for entry in document["resource_changes"] if entry["wave"] is not None],
            "objections": sorted([o["guard"], str(o["id"]), str(o["approval"])] for o in document["objections"]),
            "approved": sorted(map(_approves, document["approved"])),
            "errors": sorted(d["code"] for d in document["diagnostics"] if d["severity"] == Severity.ERROR),
        }
    )


def _meaning(entry: Mapping[str, JSON]) -> JSON:
    """Return the values of one change that are sent, and those that are compared right before."""
    desired, live = entry["desired"], entry["live"]
    compared = live
    if live and entry["action"] in (Action.RENAME, Action.UPDATE):
        mentioned = {key: value for key, value in live["attributes"].items() if key in desired["attributes"]}
        compared = {"id": live["id"], "attributes": mentioned, "marks": live["marks"]}
    elif live:
        compared = {**live, "facts": live["facts"].get("num")}
    return {
        **{key: entry[key] for key in ("wave", "action", "fields", "marks")},
        "needs": sorted(entry["needs"]),
        "desired": desired and _unplaced(desired),
        "live": compared,
    }


def _unplaced(entry: Mapping[str, JSON]) -> dict[str, JSON]:
    return {key: value for key, value in entry.items() if key != "source"}


def _approves(approval: Mapping[str, JSON]) -> str:
    return f"{approval['guard']}:{approval['id'] if approval['stack'] is None else MARK + approval['stack']}"


def _removes(entry: Mapping[str, JSON]) -> list[JSON]:
    return [entry["name"], entry["forget"], *([] if entry["id"] is None else [entry["id"]])]


def _hash(value: JSON) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _entry(change: Change, plan: Plan, wave: int | None) -> dict[str, JSON]:
    """Return one entry of `resource_changes`: the parts of the change, and derived values for readers."""
    action = action_of(change)
    parts = {**NO_PARTS, **CHANGES[action].write(change)}
    live = live_of(change)
    before, desired = (dict(live.attrs) if live else None), parts["desired"]
    after = None if isinstance(change, Delete) else {**(before or {}), **(desired["attributes"] if desired else {})}
    immutable = [key for key in parts["fields"] if FIELDS[key].immutable] if isinstance(change, Replace) else []
    return {
        "address": f"bucket.{change.name}",
        "previous_address": f"bucket.{live.name}" if live and live.name != change.name else None,
        "type": TYPE,
        "name": change.name,
        "id": live.id if live else None,
        "source": desired["source"]
        if desired
        else maybe(SPAN).write(plan.manifest.removal_span(live) if live else None),
        "wave": wave,
        "action": action,
        "change": {
            "actions": list(ACTIONS[action]),
            "before": before,
            "after": after,
            "replace_paths": [[key] for key in immutable],
        },
        **parts,
    }


def _outcome(outcome: Outcome) -> dict[str, JSON]:
    change, before = outcome.change, live_of(outcome.change)
    seen = outcome.live or before
    return {
        "address": f"bucket.{change.name}",
        "name": change.name,
        "id": seen.id if seen else None,
        "action": action_of(change),
        "status": outcome.status,
        "wrote": outcome.wrote,
        "lost": outcome.lost,
        "after": dict(outcome.live.attrs) if outcome.live else None,
        "diagnostic": maybe(DIAGNOSTIC).write(outcome.diagnostic),
    }


def _summary(plan: Plan) -> dict[str, JSON]:
    counts = plan.counts()
    kept = [keep.kept for keep in plan.kept]
    return {
        **{action.value: count for action, count in counts.items() if action is not Action.KEEP},
        "unchanged": kept.count(Kept.IN_SYNC),
        "unmanaged": kept.count(Kept.UNMANAGED),
        "foreign": kept.count(Kept.FOREIGN),
        "unreadable": kept.count(Kept.UNREADABLE),
        "can_apply": plan.can_apply,
        "destructive": counts[Action.DELETE] + counts[Action.REPLACE] > 0,
    }
