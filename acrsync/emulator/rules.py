"""The rules of the API: what it accepts, refuses and answers, without HTTP and storage.

Source: Console API docs, as summarized in docs/acrcloud-api.md ("reference"). If they say nothing, the switches of
`profile` decide.
"""

import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, assert_never

from acrsync.emulator import shapes
from acrsync.emulator.answers import WriteResult
from acrsync.emulator.fields import Fields, no_labels
from acrsync.emulator.lag import Delay, Lag
from acrsync.emulator.listing import Listing, matches, ordered
from acrsync.emulator.profile import Profile
from acrsync.emulator.seeds import ACRCLOUD_MUSIC, REGIONS, TYPES
from acrsync.emulator.store import Bucket, Store
from acrsync.emulator.texts import folded
from acrsync.emulator.unknowns import Write

Json = dict[str, object]
TAKEN = "The name has already been taken."


class Refused(Exception):
    """A refusal, with its status and body."""

    def __init__(self, status: int, body: Mapping[str, object]) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Invalid(Exception):
    """Invalid fields, with Laravel's messages for each."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Rules:
    """The API for one account in one request."""

    profile: Profile
    store: Store
    lag: Lag
    uid: int
    now: float
    delays: tuple[Delay, ...]

    def list_buckets(self, query: Mapping[str, str]) -> Listing[Bucket]:
        """Return all rows that match the filters, in the order of lists. Source: reference 1.6."""
        replicas = 2 if self.profile.list_lag_shown == "every_other_reading" else 1
        known = self.lag.listed(self._known(), self.now, replicas=replicas).values()
        paged = [row for row in known if self._is_visible(row) or self.profile.foreign_rows == "filtered"]
        region, type_, search = query.get("region"), query.get("type"), query.get("search")
        matching = [
            row
            for row in paged
            if (not region or row.region == region)
            and (not type_ or row.type == type_)
            and (not search or matches(search, row.name, self.profile))
        ]
        counted = paged if self.profile.total_counts == "before_filters" else matching
        if self.profile.total_counts != "with_filtered":
            counted = [row for row in counted if self._is_visible(row)]
        return Listing(ordered(matching, self.profile, self.lag.readings), len(counted), self._is_visible)

    def _known(self) -> Mapping[int, Bucket]:
        """Return the rows that may be visible, by increasing id."""
        rows = self.store.buckets()
        if self.profile.foreign_rows == "hidden":
            return rows
        return dict(sorted({ACRCLOUD_MUSIC.id: ACRCLOUD_MUSIC, **rows}.items()))

    def _is_visible(self, row: Bucket) -> bool:
        return self.uid in (row.uid, row.shown_to) or self.profile.foreign_rows == "listed"

    def bucket(self, id_: int, *, to_write: bool = False) -> Bucket:
        """Return one row. GUESS: for a write, a foreign row is unknown, also if lists show it.

        Raises: Refused, in the form of row 4 of the unknowns.
        """
        row = self._known().get(id_)
        if not to_write:
            row = self.lag.got(id_, row, self.now)
        if row is None or not self._is_visible(row) or (to_write and row.uid != self.uid):
            raise self.unknown(id_)
        return row

    def unknown(self, id_: int) -> Refused:
        """Return the refusal of an id that does not exist or belongs to another account."""
        match self.profile.unknown_id:
            case "error_404":
                return Refused(404, {"error": "Not Found"})
            case "error_403":
                return Refused(403, {"error": "Forbidden"})
            case "message_404":
                return Refused(404, {"message": f"No query results for model [App\\Models\\Bucket] {id_}"})
        assert_never(self.profile.unknown_id)

    def shown(self, row: Bucket) -> Json:
        """Return a row as answers show it."""
        return shapes.bucket(row, self.profile, self.lag.count(row.id, self._num(row), self.now))

    def _num(self, row: Bucket) -> int:
        return row.files + (row.channels if self.profile.num_counts == "files_and_channels" else 0)

    def create(self, body: Mapping[str, object]) -> WriteResult:
        """Create a bucket. Source: Console API, "Create Bucket"."""
        accepted = {key: value for key, value in body.items() if key not in self.profile.create_ignores}
        fields, stamp = Fields(accepted, self.profile), self._stamp()
        row = Bucket(
            uid=self.uid,
            name=fields.name(),
            region=fields.choice("region", REGIONS),
            type=fields.choice("type", TYPES),
            net_type=fields.net_type(),
            labels=fields.labels(no_labels(self.profile.labels_omitted)),
            metadata_template=fields.template(),
            created_at=stamp,
            updated_at=stamp,
        )
        holder = self._name_holder(row, fields)
        if holder and self.profile.duplicate_names == "answer_existing" and not fields.errors:
            return WriteResult(self.shown(holder), body)
        row = self._with_free_name(row, holder, fields)
        if fields.errors:
            raise Invalid(fields.errors)
        quota = self.profile.bucket_quota
        if quota and sum(row.uid == self.uid for row in self.store.buckets().values()) >= quota:
            raise Refused(403, {"error": f"Your plan allows {quota} buckets."})
        stored = self.store.save(row)
        self._hide("create", stored.id, None)
        answer = self.shown(stored)
        if self.profile.net_type_shown == "text_on_create" and isinstance(body.get("net_type"), str):
            answer["net_type"] = str(stored.net_type)
        return WriteResult(answer, body, another=lambda: self._another(stored.id))

    def _another(self, id_: int) -> Json | None:
        """Return the newest other bucket of the account, if there is one."""
        others = [row for row in self.store.buckets().values() if row.uid == self.uid and row.id != id_]
        return self.shown(others[-1]) if others else None

    def _hide(self, write: Write, id_: int, before: Bucket | None) -> None:
        self.lag.hide(write, id_, before, delays=self.delays, now=self.now)

    def update(self, id_: int, body: Mapping[str, object]) -> WriteResult:
        """Change the fields in the body. Source: Console API, "Update Bucket": name, labels, template.

        Other fields are ignored silently (reference 7.5), unless row 8 of the unknowns says otherwise.
        """
        old = self.bucket(id_, to_write=True)
        before = self.shown(old)
        fields = Fields({key: sent for key, sent in body.items() if key not in self.profile.put_ignores}, self.profile)
        new = self._changed(old, fields)
        if new.name != old.name:
            new = self._with_free_name(new, self._name_holder(new, fields), fields)
        if fields.errors:
            raise Invalid(fields.errors)
        if new != old or self.profile.updated_at_moves == "on_any_put":
            new = self.store.save(self._stamped(new))
            self._hide("update", id_, old)
        return WriteResult(self.shown(new), body, before, lambda: self._another(id_))

    def _changed(self, old: Bucket, fields: Fields) -> Bucket:
        """Return the row after a PUT. Fields that it sets are no longer shown as given by the control API."""
        body, profile = fields.body, self.profile
        new = replace(
            old,
            name=fields.name() if "name" in body else old.name,
            labels=fields.labels(old.labels),
            metadata_template=fields.template() if "metadata_template" in body else old.metadata_template,
            net_type=fields.net_type() if self._takes_net_type(fields) else old.net_type,
        )
        empty = {
            "labels": no_labels(profile.labels_omitted),
            "metadata_template": None,
            "net_type": profile.net_type_default,
        }
        reset: dict[str, Any] = {key: empty[key] for key in profile.put_resets if key not in body}
        return _shown_as_stored(replace(new, **reset), {*body, *reset} & {"name", *empty})

    def _takes_net_type(self, fields: Fields) -> bool:
        """Return whether a PUT changes net_type; refuse immutable fields if the profile says so."""
        given = [key for key in ("region", "type", "net_type") if key in fields.body]
        if self.profile.put_immutable == "refuse_422":
            fields.errors.update({key: [f"The {key} field is prohibited."] for key in given})
        return self.profile.put_immutable == "apply_net_type" and "net_type" in given

    def delete(self, id_: int) -> None:
        """Delete a bucket. Source: Console API, "Delete Bucket": "you need to clean the bucket first"."""
        try:
            row = self.bucket(id_, to_write=True)
        except Refused:
            if self.profile.delete_unknown_id == "succeed_204":
                return
            raise
        if (row.files or row.channels) and self.profile.delete_with_content != "cascade":
            status = int(self.profile.delete_with_content.removeprefix("refuse_"))
            raise Refused(status, {"error": "You need to clean the bucket first."})
        if self.profile.delete_referenced == "refuse_422" and self._is_referenced(row):
            raise Refused(422, {"error": "The bucket is used by a project."})
        self.store.delete(id_)
        self._hide("delete", id_, row)

    def _is_referenced(self, row: Bucket) -> bool:
        return any(one.uid == self.uid and {row.id, row.name} & set(one.buckets) for one in self.store.referrers())

    def set_content(self, row: Bucket, *, files: int, channels: int, seconds: int) -> Json:
        """Set the content of a bucket, which no route of the API does here, and return the bucket as shown."""
        new = _shown_as_stored(replace(row, files=files, channels=channels, seconds=seconds), {"num", "size"})
        if self.profile.updated_at_moves == "on_content_too":
            new = self._stamped(new)
        if self.profile.num_lag_seconds:
            self.lag.hide_count(row.id, self._num(row), self.now + self.profile.num_lag_seconds)
        return self.shown(self.store.save(new))

    def _name_holder(self, wanted: Bucket, fields: Fields) -> Bucket | None:
        """Return another bucket that has the wanted name. GUESS: compared within the account, as MySQL does."""
        if self.profile.duplicate_names == "allow" or "name" in fields.errors:
            return None
        equality, scope = self.profile.name_equality, self.profile.name_scope
        name = folded(wanted.name if self.profile.name_compared == "stored" else fields.name_sent(), equality)
        for row in self.store.buckets().values():
            if (
                folded(row.name, equality) == name
                and row.id != wanted.id
                and row.uid == wanted.uid
                and (scope != "account_and_region" or row.region == wanted.region)
                and (scope != "account_and_type" or row.type == wanted.type)
            ):
                return row
        return None

    def _with_free_name(self, wanted: Bucket, holder: Bucket | None, fields: Fields) -> Bucket:
        """Return the row with a free name. GUESS: a taken name is refused with 422 (reference 1.7)."""
        if holder is None or fields.errors:
            return wanted
        match self.profile.duplicate_names:
            case "numbered":
                numbered = (replace(wanted, name=f"{wanted.name} ({number})") for number in count(2))
                return next(
                    row for row in numbered if self._name_holder(row, Fields({"name": row.name}, self.profile)) is None
                )
            case "refuse_409":
                raise Refused(409, {"error": TAKEN})
            case _:
                fields.errors["name"] = [TAKEN]
                return wanted

    def _stamped(self, row: Bucket) -> Bucket:
        """Return the row with the current time as updated_at."""
        return _shown_as_stored(replace(row, updated_at=self._stamp()), {"updated_at"} & set(row.show))

    def _stamp(self) -> str:
        """Return the current time in the API's form: UTC without a zone (reference 1.4)."""
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.now + self.profile.stamps_off_seconds))


def _shown_as_stored(row: Bucket, keys: Set[str]) -> Bucket:
    """Return the row with the stored values shown for these keys."""
    show = {key: value for key, value in row.show.items() if key not in keys}
    return replace(row, show=show, hide=tuple(key for key in row.hide if key not in keys))
