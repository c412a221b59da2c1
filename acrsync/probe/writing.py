"""What only writing tells, tried on throw-away buckets: at most two at a time, each deleted at the end.

Each write is followed by a read, which waits as long as reads were seen to lag; so what a trial shows is what was
stored, and not what was there before.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from acrsync.clock import Clock
from acrsync.diagnostics import AcrsyncError
from acrsync.model import JSON
from acrsync.probe.evidence import Evidence, Row, Seen, Series, Trial, id_of
from acrsync.probe.forms import SAMPLES
from acrsync.probe.reading import searches
from acrsync.probe.record import PREFIX, Record, Thrown
from acrsync.probe.throwaways import TYPE, Throwaways, listed
from acrsync.probe.wire import ANY_TYPE, Answer, Wire

REGIONS = ("eu-west-1", "us-west-2", "ap-southeast-1")
LABELS = ["c", "a", "b"]  # neither sorted nor the other way round; one letter, which no rule for lengths can cut
MANY_LABELS = "0123456789abcdefghijklmnopqrstuvwxyz"
LONG_LABEL = 600
TEMPLATE = '{"b":  1, "a": "\u00e9"}'  # keys, spaces and a letter that every way to write it anew would change
FORMED = json.dumps({"z": SAMPLES[0], "y": SAMPLES[1], "x": SAMPLES[2]}, ensure_ascii=False)
NOT_JSON = f" {{acrsync {' '.join(SAMPLES)} "  # space around it: some servers trim
LENGTHS = (255, 256, 191, 192, 128, 129, 100, 101, 64, 65, 50, 51)  # limits of common columns, and one more
LONGEST_NAME = 1000
CACHED_S = 10.0  # so long a page that is kept is asked for again
STEP_S = 0.25  # between two looks at a list that lags by whole seconds
TICK_S = 1.1  # after that a stamp in seconds is another one


@dataclass(slots=True)
class Writing:
    """One run of all trials."""

    wire: Wire
    clock: Clock
    evidence: Evidence
    record: Record
    things: Throwaways
    patience_s: float
    region: str = REGIONS[0]
    _rows: dict[int, Row] = field(default_factory=dict)  # as each bucket was last read
    _lag_s: float = 0.0  # so long reads of one bucket were seen to lag
    _lag_reads: int = 0

    def run(self) -> None:
        """Try everything. Raises: AcrsyncError if the account is another one, OutOfPatience."""
        self.region = _usual_region(self.evidence.rows)
        query = {"page": 1, "per_page": self.wire.fresh_size(), "type": TYPE}
        before = self.wire.get("/buckets", **query)
        first = self._create("minimal", {})
        if first is None or first.id is None:
            return
        written = self.evidence.trials["minimal"].answer
        self._listed_after("create", written, first.id)
        if self._list_is_prompt():  # else a page that does not show it may lag, not be kept
            kept = [self.wire.get("/buckets", **query)]
            self.evidence.cached.append((before, written, self._until_shown(query, first.id, kept)))
        if self.evidence.trial("minimal") is None:
            return
        self._twin(first)
        self._fields(first)
        second = self._rich(first)
        if second is not None:
            self._names(first, second)
            self._leaves(second)
        if second is None or second.gone:  # never more than two at a time
            self._elsewhere(first)
        self._remove(first)

    def _until_shown(self, query: Mapping[str, JSON], bucket_id: int, kept: list[Answer]) -> list[Answer]:
        """Ask a query again until it shows a bucket, and a total that is one more than before, if ever."""
        total = _total(kept[0])
        for _ in range(int(CACHED_S / (2 * STEP_S))):
            shows = any(id_of(row) == bucket_id for row in kept[-1].rows or ())
            if shows and (len(kept) == 1 or _total(kept[-1]) != total):
                break
            self._wait(2 * STEP_S)
            kept.append(self.wire.get("/buckets", **query))
        return kept

    # Creating and deleting.

    def _create(
        self, role: str, fields: Row, *, name: str = "", region: str = "", paused: bool = False
    ) -> Thrown | None:
        """Create a bucket and read it; None if the server did not take it."""
        base = f"{PREFIX}{self.record.nonce}-{len(self.record.thrown) + 1}"
        thrown = Thrown(name or base, base, region or self.region)
        self.record.creating(thrown)
        body = {"name": thrown.name, "region": thrown.region, "type": TYPE, **fields}
        answer = self.wire.ask("POST", "/buckets", body=body)
        self.evidence.trials[role] = Trial(role, answer)
        if answer.status is not None and 300 <= answer.status < 500 and answer.status != 408:  # noqa: PLR2004
            self.evidence.refused.append(answer)
            self.record.gone(thrown)
            return None
        self._identify(thrown, answer)
        if thrown.id is None:
            return thrown
        self.evidence.own.add(thrown.id)
        read, row = self._read_after_create(thrown, answer, paused=paused)
        if row is None and read.row is not None:
            self._same_account(read.row)
            self._disown(thrown)
        if row is not None:
            self.record.naming(thrown, str(row.get("name")))
        self.evidence.trials[role] = Trial(role, answer, None, row, read)
        return thrown

    def _identify(self, thrown: Thrown, answer: Answer) -> None:
        """Learn the id: from the answer if that shows a bucket that was not there before, else from the list."""
        known = {*self.things.listed, *self.evidence.own}
        bucket_id = None if answer.row is None else id_of(answer.row)
        if bucket_id is not None and bucket_id not in known:
            self.record.created(thrown, bucket_id)
        else:
            self.things.find(thrown, self._wait, patience_s=min(self._left_s(), max(self._lag_s, self.patience_s)))

    def _read_after_create(self, thrown: Thrown, written: Answer, *, paused: bool) -> tuple[Answer, Row | None]:
        """Read a bucket until it is shown. The second time in small steps, from when the first one was still late."""
        readings: list[Seen] = []
        pause_s = self._before_second() if paused else 0.0
        if pause_s:
            self._wait(pause_s)
        step_s = STEP_S
        while True:
            answer = self.wire.get(f"/buckets/{thrown.id}")
            shows = answer.row is not None and self.things.is_own(thrown, answer.row)
            if answer.row is not None and not shows:  # another bucket's id was answered: it is nothing of ours
                return answer, None
            readings.append(Seen(answer, shows))
            if shows or sum(step_s for _ in readings) > self.patience_s or not self._wait(step_s):
                break
            step_s = step_s if paused else min(step_s * 2, 4.0)
        self.evidence.gets.append(Series("create", written, tuple(readings)))
        series = self.evidence.gets[-1]
        since_s = readings[-1].answer.ended - written.begun
        if series.late > 0 or since_s >= 1:  # what was not read within a second may lag by some
            self._lag_s = max(self._lag_s, since_s + STEP_S)
            self._lag_reads = max(self._lag_reads, series.late)
        if not readings[-1].shows or thrown.id is None:
            return answer, None
        self._rows[thrown.id] = answer.row or {}
        return answer, answer.row

    def _disown(self, thrown: Thrown) -> None:
        """Forget an id that was answered and is another bucket's, and look for the one that was created."""
        self.evidence.own -= {thrown.id or 0}
        self.things.listed = {*self.things.listed, thrown.id or 0}
        thrown.id = None
        self.record.disowned(thrown)
        if self.things.find(thrown, self._wait, patience_s=min(self._left_s(), self.patience_s)):
            self.evidence.own.add(thrown.id or 0)

    def _before_second(self) -> float:
        """Return how long the first series was seen to be late: a second one need not look before."""
        series = self.evidence.gets[0] if self.evidence.gets else None
        if series is None or series.late <= 0:
            return 0.0
        return max(0.0, series.readings[series.late - 1].answer.begun - series.written.ended)

    def _same_account(self, row: Row) -> None:
        """Raises: AcrsyncError if a bucket that has the name of ours is of another account."""
        named = str(row.get("name")).startswith(f"{PREFIX}{self.record.nonce}")
        if named and row.get("uid") not in (self.evidence.uid, None):
            raise AcrsyncError(
                "E606",
                f"The bucket that was created is of account {row.get('uid')}, not of {self.evidence.uid}.",
                fix=f"use a token of account {self.evidence.uid}, or name the other one: --account {row.get('uid')}",
            )

    def _remove(self, thrown: Thrown) -> None:
        removal = self.things.remove(thrown)
        if removal.answer is not None and removal.answer.ok:
            self.evidence.deleted.append(removal.answer)

    # Trials.

    def _put(self, role: str, thrown: Thrown, body: Row, *, accept: str = "application/json") -> Trial:
        """Change a bucket and read it again."""
        assert thrown.id is not None, "A trial on a bucket without id. This is a bug in acrsync."
        before = self._rows.get(thrown.id)
        answer = self.wire.ask("PUT", f"/buckets/{thrown.id}", body=body, accept=accept)
        if not answer.ok:
            self.evidence.refused.append(answer)
        read = self._settled(thrown.id)
        trial = Trial(role, answer, before, None if read is None else read.row, read)
        if trial.after is not None:
            self._rows[thrown.id] = trial.after
        self.evidence.trials[role] = trial
        return trial

    def _settled(self, bucket_id: int) -> Answer | None:
        """Return a read that shows all writes; None if that takes longer than there is patience for."""
        if self._lag_s > self._left_s():
            return None
        if self._lag_s and not self._wait(self._lag_s):
            return None
        for _ in range(self._lag_reads):
            self.wire.get(f"/buckets/{bucket_id}")
        read = self.wire.get(f"/buckets/{bucket_id}")
        return read if read.row is not None else None

    def _named(self, role: str, thrown: Thrown, name: str) -> Trial:
        """Rename a bucket and note what the name is stored as."""
        self.record.naming(thrown, name)
        trial = self._put(role, thrown, {"name": name})
        if trial.after is not None:
            self.record.naming(thrown, str(trial.after.get("name")))
            if trial.answer.ok:
                kept = trial.after.get("name")
                self.evidence.named[name] = kept if isinstance(kept, str) else None
        return trial

    def _twin(self, first: Thrown) -> None:
        """Create a bucket with the name of another one: what a taken name means."""
        twin = self._create("twin", {}, name=first.name)
        if twin is None:
            return
        if twin.id is None:
            self._existing("twin", twin, first)
        else:
            self._remove(twin)

    def _existing(self, role: str, thrown: Thrown, first: Thrown) -> None:
        """Note that a create was answered with the bucket that has the name, and that nothing was created."""
        trial = self.evidence.trials[role]
        answered = None if trial.answer.row is None else id_of(trial.answer.row)
        others = [one.id for one in self.record.thrown if one.id is not None]
        # Nothing new is listed, though the first bucket was: then nothing was created.
        if answered == first.id and self._shows_creates() and not self.things.own(thrown.name, besides=others):
            self.evidence.trials[f"{role}_existing"] = trial
            self.record.gone(thrown)

    def _shows_creates(self) -> bool:
        return any(series.write == "create" and series.late >= 0 for series in self.evidence.lists)

    def _fields(self, first: Thrown) -> None:
        """Set labels, template and what cannot be set, in every form."""
        whole = self._put("set", first, {"labels": LABELS, "metadata_template": TEMPLATE})
        if not whole.answer.ok:
            self._put("set_labels", first, {"labels": LABELS})
            self._put("set_template", first, {"metadata_template": TEMPLATE})
        self._put("repeated", first, {"labels": ["b", "a", "b"]})
        self._put("comma", first, {"labels": ["x,y"]})
        self._put("text", first, {"labels": "x,z"})
        self._limit(first, "many", "labels_of", len(MANY_LABELS), lambda number: list(MANY_LABELS[:number]))
        self._limit(first, "long_label", "label_of", LONG_LABEL, lambda length: ["x" * length])
        self._put("label_forms", first, {"labels": [sample.strip() for sample in SAMPLES]})
        self._put("label_padded", first, {"labels": [" p "]})
        self._put("refill", first, {"labels": ["c"], "metadata_template": TEMPLATE})
        self._put("emptied", first, {"labels": []})
        self._put("template_forms", first, {"metadata_template": FORMED})
        self._put("template_padded", first, {"metadata_template": ' {"p": "p"} '})
        self._put("object", first, {"metadata_template": {"k": "v"}})
        self._put("not_json", first, {"metadata_template": NOT_JSON})
        self._put("template", first, {"metadata_template": TEMPLATE})
        self._put("blank", first, {"metadata_template": "", "labels": LABELS})
        self._put("invalid", first, {"labels": 7, "metadata_template": 7})
        self._put("invalid_any", first, {"labels": 7, "metadata_template": 7}, accept=ANY_TYPE)
        self._put("immutable", first, {"net_type": 2})

    def _limit(self, first: Thrown, role: str, smaller: str, most: int, labels: Callable[[int], list[str]]) -> None:
        """Find a limit of labels: one that cuts says it; one that refuses is looked for by halves."""
        low, high = 0, most
        if self._put(role, first, {"labels": labels(most)}).answer.status != 422:  # noqa: PLR2004
            return
        while high - low > 1:
            middle = (low + high) // 2
            taken = self._put(f"{smaller}_{middle}", first, {"labels": labels(middle)}).answer.ok
            low, high = (middle, high) if taken else (low, middle)

    def _rich(self, first: Thrown) -> Thrown | None:
        """Create a bucket with everything, and change the first one after it: what a create takes, and list order."""
        fields = {"labels": LABELS, "metadata_template": TEMPLATE, "net_type": "2"}
        second = self._create("rich", fields, paused=True)
        if second is None:
            second = self._create("rich", {**fields, "net_type": 2}, paused=True)
        if second is None:
            second = self._create("bare", {}, paused=True)
        if second is None or second.id is None:
            return None
        role = "rich" if self.evidence.trials["rich"].after is not None else "bare"
        if self.evidence.trial(role) is None:
            return None
        self._listed_after("create", self.evidence.trials[role].answer, second.id, paused=True)
        self._wait(TICK_S)
        body = {"labels": ["d"], "metadata_template": TEMPLATE}
        self._put("touched", first, body)
        if self._list_is_prompt():
            self.evidence.orders.append(self._page())
        self._wait(TICK_S)
        self._put("again", first, body)
        if not self.evidence.searches:
            self.evidence.searches = searches(self.wire, listed(self.wire)) if self._list_is_prompt() else []
        return second

    def _names(self, first: Thrown, second: Thrown) -> None:
        """Give a bucket names of every kind."""
        base = second.base
        settled = self._list_settled(second.id, base)
        renamed = self._named("renamed", second, f"{base}-x")
        if renamed.after is not None and renamed.after.get("name") == base:  # ignored, or cut to what it was
            self._named("renamed_alike", second, f"{base[:-1]}x")
        if renamed.after is None or renamed.after.get("name") != f"{base}-x":
            return
        if settled and second.id is not None:
            self._listed_after("update", renamed.answer, second.id, name=f"{base}-x")
        self._lengths(second)
        self._named("accented", second, f"{base} é")
        self._named("padded", second, f" {base}-y ")
        for place, sample in enumerate(SAMPLES):
            self._named(f"name_forms_{place}", second, f"{base} {sample}.")
        self._equality(first, second)

    def _lengths(self, second: Thrown) -> None:
        """Find the longest name."""
        taken, refused = len(second.base) + 2, LONGEST_NAME + 1
        lengths = list(LENGTHS)
        while refused - taken > 1:
            length = next((one for one in lengths if taken < one < refused), None)
            if length is None:
                length = LONGEST_NAME if refused > LONGEST_NAME else (taken + refused) // 2
            trial = self._named(f"name_of_{length}", second, second.base + "x" * (length - len(second.base)))
            kept = str((trial.after or {}).get("name"))
            if trial.after is None or (trial.answer.ok and len(kept) != length):
                return
            if not trial.answer.ok and trial.answer.status != 422:  # noqa: PLR2004
                return
            taken, refused = (length, refused) if trial.answer.ok else (taken, length)
            if taken == LONGEST_NAME:
                return
        padded = second.base + "x" * (taken - len(second.base))
        self._named("edge", second, f"{second.base}-z")
        self._named("padded_edge", second, f"{padded} ")

    def _equality(self, first: Thrown, second: Thrown) -> None:
        """Rename one bucket so that its name differs from the other's in case, an accent, or a space only."""
        base = first.base
        self._named("same_name", second, base)
        self._named("apart", second, f"{second.base}-a")
        self._named("same_but_case", second, base.upper())
        self._named("apart_again", second, f"{second.base}-b")
        self._named("accent_of_first", first, f"{base}e")
        self._named("same_but_accent", second, f"{base}é")
        self._named("apart_once_more", second, f"{second.base}-c")
        self._named("same_but_space", second, f"{base}e ")
        self._named("apart_at_last", second, f"{second.base}-d")
        for sent, kept in list(self.evidence.named.items()):
            tail = sent.removeprefix(second.base)
            if (
                kept is not None
                and kept.strip() != sent.strip()
                and tail.startswith(" ")
                and kept.startswith(second.base)
            ):
                self._named("changed_of_first", first, base + tail)
                self._named("same_when_changed", second, base + tail)
                break
        self._named("first_again", first, base)

    def _leaves(self, second: Thrown) -> None:
        """Delete a bucket, see how lists show it, and delete it again."""
        self._put("filled", second, {"labels": LABELS, "metadata_template": TEMPLATE})
        self._named("only_name", second, f"{second.base}-e")
        updates = any(series.write == "update" for series in self.evidence.lists)
        settled = updates and self._list_settled(second.id, f"{second.base}-e")
        self._remove(second)
        if not second.gone:
            return
        if settled and second.id is not None and self.evidence.deleted:
            self._listed_after("delete", self.evidence.deleted[-1], second.id)
        again = self.wire.get(f"/buckets/{second.id}")
        if again.row is None and again.status == (self.evidence.unknown.status if self.evidence.unknown else None):
            self.evidence.deleted_again = self.wire.ask("DELETE", f"/buckets/{second.id}")

    def _elsewhere(self, first: Thrown) -> None:
        """Create a bucket with the first one's name in another region."""
        region = next(name for name in REGIONS if name != self.region)
        third = self._create("elsewhere", {}, name=first.base, region=region)
        if third is not None and third.id is None:
            self._existing("elsewhere", third, first)
        elif third is not None:
            self._remove(third)

    # Lists.

    def _listed_after(
        self, write: str, written: Answer, bucket_id: int, *, name: str = "", paused: bool = False
    ) -> None:
        """Read the list until it shows a write, and a little longer; each time with a page size of its own."""
        readings: list[Seen] = []
        earlier = [series for series in self.evidence.lists if series.write == write and series.late > 0]
        if paused and earlier:
            late = earlier[0].readings[earlier[0].late - 1].answer
            late_s = late.begun - earlier[0].written.ended
            self._wait(max(0.0, late_s - (self.clock.wall().timestamp() - written.ended)))
        step_s, waited_s, more = STEP_S, 0.0, 2
        while more >= 0 and waited_s <= self.patience_s:
            answer = self._page()
            row = next((row for row in answer.rows or () if id_of(row) == bucket_id), None)
            shows = (row is None) if write == "delete" else row is not None and name in ("", row.get("name"))
            readings.append(Seen(answer, shows))
            if any(seen.shows for seen in readings):
                more -= 1
                continue
            waited_s += step_s
            if not self._wait(step_s):
                break
            step_s = step_s if paused else min(step_s * 2, 4.0)
        self.evidence.lists.append(Series(write, written, tuple(readings)))

    def _list_settled(self, bucket_id: int | None, name: str) -> bool:
        """Wait until two readings in a row show a bucket as it is, so that no earlier write is late any more."""
        if self._list_is_prompt():
            return True
        shown, waited_s = 0, 0.0
        while shown < 2 and waited_s < self.patience_s:  # noqa: PLR2004
            rows = self._page().rows or ()
            shows = any(id_of(row) == bucket_id and row.get("name") == name for row in rows)
            shown = shown + 1 if shows else 0
            if not shows:
                waited_s += 2 * STEP_S
                self._wait(2 * STEP_S)
        return shown > 1

    def _page(self) -> Answer:
        return self.wire.get("/buckets", page=1, per_page=self.wire.fresh_size())

    def _list_is_prompt(self) -> bool:
        """Tell whether no reading of the list was late so far."""
        return all(seen.shows for series in self.evidence.lists for seen in series.readings)

    # Time.

    def _left_s(self) -> float:
        return math.inf if self.wire.budget_s is None else self.wire.budget_s - self.wire.waited_s

    def _wait(self, seconds: float) -> bool:
        return self.wire.wait(seconds)


def _usual_region(rows: list[Row]) -> str:
    """Return the region that most buckets of the account are in, of those in which one can be created."""
    regions: Mapping[str, int] = Counter(str(row.get("region")) for row in rows)
    usual = sorted(regions, key=lambda region: -regions[region])
    return next((region for region in usual if region not in ("global", "None")), REGIONS[0])


def _total(answer: Answer) -> JSON:
    """Return the total that a list says."""
    return (answer.meta or {}).get("total")
