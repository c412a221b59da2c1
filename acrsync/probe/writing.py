"""What only writes show, tried on throw-away buckets: at most two at a time, each deleted at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from acrsync.clock import Clock
from acrsync.probe.evidence import Evidence
from acrsync.probe.forms import SAMPLES
from acrsync.probe.listing import Listing
from acrsync.probe.reading import searches
from acrsync.probe.record import Record, Throwaway
from acrsync.probe.samples import (
    FORMED,
    LABELS,
    LENGTHS,
    LONG_LABEL,
    LONGEST_NAME,
    MANY_LABELS,
    NOT_JSON,
    TEMPLATE,
)
from acrsync.probe.throwaways import TYPE, Throwaways, listed
from acrsync.probe.trials import REGIONS, Trials, usual_region
from acrsync.probe.wire import ANY_TYPE, INVALID, Request, Wire

TICK_S = 1.1  # after this time a stamp in seconds has changed


@dataclass(slots=True)
class Writing:
    """All trials of one probe, in order."""

    wire: Wire
    clock: Clock
    evidence: Evidence
    record: Record
    throwaways: Throwaways
    timeout_s: float
    listing: Listing = field(init=False)
    trials: Trials = field(init=False)

    def __post_init__(self) -> None:
        region = usual_region(self.evidence.rows)
        self.listing = Listing(self.wire, self.clock, self.evidence, self.timeout_s)
        self.trials = Trials(
            self.wire, self.evidence, self.record, self.throwaways, self.listing, self.timeout_s, region
        )  # fmt: skip

    def run(self) -> None:
        """Raises: AcrsyncError if the account is another one, Stopped."""
        query = {"page": 1, "per_page": self.wire.fresh_size(), "type": TYPE}
        before = self.wire.get("/buckets", **query)
        first = self.trials.create("minimal", {})
        if first is None or first.id is None:
            return
        written = self.evidence.trials["minimal"].answer
        self.listing.watch("create", written, first.id)
        if self.listing.is_prompt():  # else a page without the bucket may lag instead of being cached
            self.evidence.cached.append((before, written, self.listing.repeat(query, first.id)))
        if self.evidence.trial("minimal") is None:
            return
        self.trials.create_with_taken_name("twin", first)
        self._fields(first)
        second = self._rich(first)
        if second is not None:
            self._names(first, second)
            self._leaves(second)
        if second is None or second.gone:  # never more than two at a time
            region = next(name for name in REGIONS if name != self.trials.region)
            self.trials.create_with_taken_name("elsewhere", first, region=region)
        self.trials.remove(first)

    def _fields(self, first: Throwaway) -> None:
        """Set labels, template and an immutable field, in every form."""
        whole = self.trials.put("set", first, {"labels": LABELS, "metadata_template": TEMPLATE})
        if not whole.answer.ok:
            self.trials.put("set_labels", first, {"labels": LABELS})
            self.trials.put("set_template", first, {"metadata_template": TEMPLATE})
        self.trials.put("repeated", first, {"labels": ["b", "a", "b"]})
        self.trials.put("comma", first, {"labels": ["x,y"]})
        self.trials.put("text", first, {"labels": "x,z"})
        self._limit(first, "many", "labels_of", len(MANY_LABELS), lambda number: list(MANY_LABELS[:number]))
        self._limit(first, "long_label", "label_of", LONG_LABEL, lambda length: ["x" * length])
        self.trials.put("label_forms", first, {"labels": [sample.strip() for sample in SAMPLES]})
        self.trials.put("label_padded", first, {"labels": [" p "]})
        self.trials.put("refill", first, {"labels": ["c"], "metadata_template": TEMPLATE})
        self.trials.put("emptied", first, {"labels": []})
        self.trials.put("template_forms", first, {"metadata_template": FORMED})
        self.trials.put("template_padded", first, {"metadata_template": ' {"p": "p"} '})
        self.trials.put("object", first, {"metadata_template": {"k": "v"}})
        self.trials.put("not_json", first, {"metadata_template": NOT_JSON})
        self.trials.put("template", first, {"metadata_template": TEMPLATE})
        self.trials.put("blank", first, {"metadata_template": "", "labels": LABELS})
        self.trials.put("invalid", first, {"labels": 7, "metadata_template": 7})
        self.trials.put("invalid_any", first, {"labels": 7, "metadata_template": 7}, accept=ANY_TYPE)
        self.trials.put("immutable", first, {"net_type": 2})

    def _limit(self, first: Throwaway, role: str, smaller: str, most: int, labels: Callable[[int], list[str]]) -> None:
        """Find a limit of labels. A server that cuts shows it at once; for one that refuses, search by halves."""
        low, high = 0, most
        if self.trials.put(role, first, {"labels": labels(most)}).answer.status != INVALID:
            return
        while high - low > 1:
            middle = (low + high) // 2
            taken = self.trials.put(f"{smaller}_{middle}", first, {"labels": labels(middle)}).answer.ok
            low, high = (middle, high) if taken else (low, middle)

    def _rich(self, first: Throwaway) -> Throwaway | None:
        """Create a bucket with all fields, then change the first one: what a create accepts, and the list order."""
        fields = {"labels": LABELS, "metadata_template": TEMPLATE, "net_type": "2"}
        second = self.trials.create("rich", fields, skip_ahead=True)
        if second is None:
            second = self.trials.create("rich", {**fields, "net_type": 2}, skip_ahead=True)
        if second is None:
            second = self.trials.create("bare", {}, skip_ahead=True)
        if second is None or second.id is None:
            return None
        role = "rich" if self.evidence.trials["rich"].after is not None else "bare"
        if self.evidence.trial(role) is None:
            return None
        self.listing.watch("create", self.evidence.trials[role].answer, second.id, skip_ahead=True)
        self.wire.wait(TICK_S)
        body = {"labels": ["d"], "metadata_template": TEMPLATE}
        self.trials.put("touched", first, body)
        if self.listing.is_prompt():
            self.evidence.orders.append(self.listing.page())
        self.wire.wait(TICK_S)
        self.trials.put("again", first, body)
        if not self.evidence.searches:
            self.evidence.searches = searches(self.wire, listed(self.wire)) if self.listing.is_prompt() else []
        return second

    def _names(self, first: Throwaway, second: Throwaway) -> None:
        """Give a bucket names of every kind."""
        base = second.base
        settled = self.listing.settled(second.id, base)
        renamed = self.trials.rename("renamed", second, f"{base}-x")
        if renamed.after is not None and renamed.after.get("name") == base:  # ignored, or cut to the old name
            self.trials.rename("renamed_alike", second, f"{base[:-1]}x")
        if renamed.after is None or renamed.after.get("name") != f"{base}-x":
            return
        if settled and second.id is not None:
            self.listing.watch("update", renamed.answer, second.id, name=f"{base}-x")
        self._lengths(second)
        self.trials.rename("accented", second, f"{base} é")
        self.trials.rename("padded", second, f" {base}-y ")
        for place, sample in enumerate(SAMPLES):
            self.trials.rename(f"name_forms_{place}", second, f"{base} {sample}.")
        self._equality(first, second)

    def _lengths(self, second: Throwaway) -> None:
        """Find the longest name."""
        taken, refused = len(second.base) + 2, LONGEST_NAME + 1
        lengths = list(LENGTHS)
        while refused - taken > 1:
            length = next((one for one in lengths if taken < one < refused), None)
            if length is None:
                length = LONGEST_NAME if refused > LONGEST_NAME else (taken + refused) // 2
            trial = self.trials.rename(f"name_of_{length}", second, second.base + "x" * (length - len(second.base)))
            kept = str((trial.after or {}).get("name"))
            if trial.after is None or (trial.answer.ok and len(kept) != length):
                return
            if not trial.answer.ok and trial.answer.status != INVALID:
                return
            taken, refused = (length, refused) if trial.answer.ok else (taken, length)
            if taken == LONGEST_NAME:
                return
        padded = second.base + "x" * (taken - len(second.base))
        self.trials.rename("edge", second, f"{second.base}-z")
        self.trials.rename("padded_edge", second, f"{padded} ")

    def _equality(self, first: Throwaway, second: Throwaway) -> None:
        """Rename one bucket to names that differ from the other's only in case, an accent, or a space."""
        base = first.base
        self.trials.rename("same_name", second, base)
        self.trials.rename("apart", second, f"{second.base}-a")
        self.trials.rename("same_but_case", second, base.upper())
        self.trials.rename("apart_again", second, f"{second.base}-b")
        self.trials.rename("accent_of_first", first, f"{base}e")
        self.trials.rename("same_but_accent", second, f"{base}é")
        self.trials.rename("apart_once_more", second, f"{second.base}-c")
        self.trials.rename("same_but_space", second, f"{base}e ")
        self.trials.rename("apart_at_last", second, f"{second.base}-d")
        for sent, kept in list(self.evidence.named.items()):
            tail = sent.removeprefix(second.base)
            if (
                kept is not None
                and kept.strip() != sent.strip()
                and tail.startswith(" ")
                and kept.startswith(second.base)
            ):
                self.trials.rename("changed_of_first", first, base + tail)
                self.trials.rename("same_when_changed", second, base + tail)
                break
        self.trials.rename("first_again", first, base)

    def _leaves(self, second: Throwaway) -> None:
        """Delete a bucket, see how lists show it, and delete it again."""
        self.trials.put("filled", second, {"labels": LABELS, "metadata_template": TEMPLATE})
        self.trials.rename("only_name", second, f"{second.base}-e")
        updates = any(series.write == "update" for series in self.evidence.lists)
        settled = updates and self.listing.settled(second.id, f"{second.base}-e")
        self.trials.remove(second)
        if not second.gone:
            return
        if settled and second.id is not None and self.evidence.deleted:
            self.listing.watch("delete", self.evidence.deleted[-1], second.id)
        again = self.wire.get(f"/buckets/{second.id}")
        if again.row is None and again.status == (self.evidence.unknown.status if self.evidence.unknown else None):
            self.evidence.deleted_again = self.wire.send(Request("DELETE", f"/buckets/{second.id}"))
