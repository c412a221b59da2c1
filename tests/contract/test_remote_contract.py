"""What `Remote` promises, asked of every implementation: the account in memory, and the real client on the emulator.

A real account is asked too, read-only, where `ACRSYNC_TEST_REAL_TOKEN` holds a token and, if need be,
`ACRSYNC_TEST_REAL_ENDPOINT` the host.
"""

from __future__ import annotations

import _socket
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from acrsync.acrcloud import Account
from acrsync.client import Client
from acrsync.diagnostics import AccessDenied, RemoteError
from acrsync.emulator import Running, serve
from acrsync.remote import Remote
from doubles import MemoryAccount
from emulator.api import Api

PROFILES = ("documented", "strict", "lenient")
NEW = {"name": "new", "region": "us-west-2", "type": "Live"}
TEMPLATE = {"artist": {"type": "text", "default": "Ünbekannt"}, "album": {"default": "334"}}


@dataclass(frozen=True)
class Place:
    """An implementation, and how to put something into its account behind its back."""

    remote: Remote
    seed: Callable[..., int]
    fill: Callable[[int, int], object]
    hides_the_gone: bool = False  # an unknown id is answered 403: gone and forbidden look the same
    names_are_unique: bool = True


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve() as started:
        yield started


@pytest.fixture(params=["memory", *PROFILES])
def place(request: pytest.FixtureRequest, running: Running) -> Iterator[Place]:
    if request.param == "memory":
        account = MemoryAccount()
        yield Place(account, lambda **body: account.seed(**body).id, account.files.__setitem__)
        return
    api = Api(running)
    api.reset(rows="empty", profile=request.param)

    def seed(**body: Any) -> int:
        return int(api.create(**body)["id"])

    def fill(bucket_id: int, items: int) -> object:
        return api.control("POST", f"buckets/{bucket_id}/content", {"files": items})

    with Client(running.token, running.url) as client:
        yield Place(Account(client), seed, fill, request.param == "strict", request.param != "lenient")
    api.session.close()


def gone(place: Place, ask: Callable[[], object]) -> object:
    """Return the answer for a missing bucket; if the server forbids instead, that must be reported as such."""
    if not place.hides_the_gone:
        return ask()
    with pytest.raises(AccessDenied):
        ask()
    return None


def test_an_empty_account_is_observed_as_empty(place):
    assert [row for row in place.remote.observe().rows if row.uid == 19] == []


def test_every_bucket_is_observed_once(place):
    made = {place.seed(name=f"bucket-{number:03}") for number in range(205)}
    seen = [row.id for row in place.remote.observe().rows if row.uid == 19]
    assert sorted(seen) == sorted(made)


def test_reading_and_observing_agree(place):
    bucket_id = place.seed(name="music", labels=["B", "A"], metadata_template='{"artist": {"default": "x"}}')
    (row,) = [row for row in place.remote.observe().rows if row.id == bucket_id]
    read = place.remote.read(bucket_id)
    assert read is not None
    assert (read.attrs, read.marks, read.uid) == (row.attrs, row.marks, 19)
    assert (read.attrs["labels"], read.attrs["metadata_template"]) == (["A", "B"], {"artist": {"default": "x"}})


def test_a_missing_bucket_is_read_as_none(place):
    bucket_id = place.seed(name="music")
    place.remote.delete(bucket_id)
    assert gone(place, lambda: place.remote.read(bucket_id)) is None


@pytest.mark.parametrize(
    ("attrs", "reason"),
    [
        (NEW, "the least"),
        ({**NEW, "net_type": 0, "labels": ["Radio", "TV"], "metadata_template": TEMPLATE}, "everything"),
        ({**NEW, "labels": [], "metadata_template": None}, "nothing, said aloud"),
        ({**NEW, "name": "Ünïcode ± 音楽"}, "any text"),
    ],
)
def test_a_create_answers_with_the_requested_bucket_which_then_exists(place, attrs, reason):
    made = place.remote.create(attrs)
    assert {key: made.attrs[key] for key in attrs} == attrs, reason
    assert (made.marks, made.uid) == ((), 19)
    read = place.remote.read(made.id)
    assert read is not None
    assert read.attrs == made.attrs, reason


@pytest.mark.parametrize("labels", [None, [], ["Radio"]])
def test_a_create_keeps_marks_apart_from_labels(place, labels):
    attrs = NEW if labels is None else {**NEW, "labels": labels}
    made = place.remote.create(attrs, marks=("acrsync:radio",))
    assert (made.attrs["labels"], made.marks) == (labels or [], ("acrsync:radio",))


def test_an_update_sets_the_given_keys_and_leaves_every_other(place):
    bucket_id = place.seed(name="music", labels=["A"], metadata_template='{"artist": {}}', net_type=2)
    before = place.remote.read(bucket_id)
    after = place.remote.update(bucket_id, {"labels": ["B"]})
    assert before is not None
    assert after.attrs == {**before.attrs, "labels": ["B"]}
    assert place.remote.update(bucket_id, {"name": "music-2"}).attrs == {**after.attrs, "name": "music-2"}


def test_an_update_clears_fields_that_must_be_empty(place):
    bucket_id = place.seed(name="music", labels=["A"], metadata_template='{"artist": {}}')
    after = place.remote.update(bucket_id, {"labels": [], "metadata_template": None})
    assert (after.attrs["labels"], after.attrs["metadata_template"]) == ([], None)


def test_an_update_of_labels_carries_the_marks_it_is_given(place):
    bucket_id = place.seed(name="music", labels=["A", "acrsync:radio"])
    marked = place.remote.update(bucket_id, {"labels": ["B"]}, marks=("acrsync:protected", "acrsync:radio"))
    assert (marked.attrs["labels"], marked.marks) == (["B"], ("acrsync:protected", "acrsync:radio"))
    bare = place.remote.update(bucket_id, {"labels": []})
    assert (bare.attrs["labels"], bare.marks) == ([], ())


def test_writing_the_same_again_changes_nothing(place):
    made = place.remote.create({**NEW, "labels": ["A"], "metadata_template": TEMPLATE})
    again = place.remote.update(made.id, {"labels": ["A"], "metadata_template": TEMPLATE})
    assert again.attrs == made.attrs


def test_a_delete_removes_and_deleting_again_succeeds(place):
    bucket_id = place.seed(name="music")
    place.remote.delete(bucket_id)
    assert bucket_id not in {row.id for row in place.remote.observe().rows}
    gone(place, lambda: place.remote.delete(bucket_id))


def test_a_refusal_reports_that_nothing_was_written(place):
    if not place.names_are_unique:
        pytest.skip("this server allows two buckets with one name")
    place.seed(name="music", region="us-west-2", type="Live")
    with pytest.raises(RemoteError) as caught:
        place.remote.create({**NEW, "name": "music"})
    assert (caught.value.may_have_acted, caught.value.status) == (False, 422)
    assert len([row for row in place.remote.observe().rows if row.name == "music"]) == 1


def test_an_update_of_a_missing_bucket_reports_that_nothing_was_written(place):
    with pytest.raises(RemoteError) as caught:
        place.remote.update(99, {"name": "x"})
    assert not caught.value.may_have_acted


@pytest.mark.parametrize("items", [0, 3])
def test_contents_are_counted(place, items):
    bucket_id = place.seed(name="music", region="eu-west-1", type="File")
    place.fill(bucket_id, items)
    live = place.remote.read(bucket_id)
    assert live is not None
    assert place.remote.contents(live) == items
    assert place.remote.evidence([live], references=True).contents == {bucket_id: items}


# A real account, read-only.


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    token = os.environ.get("ACRSYNC_TEST_REAL_TOKEN")
    if not token:
        pytest.skip("ACRSYNC_TEST_REAL_TOKEN is not set")
    for name in ("connect", "connect_ex", "sendto"):  # lift the guard that keeps tests on this machine
        monkeypatch.setattr(socket.socket, name, getattr(_socket.socket, name))
    endpoint = os.environ.get("ACRSYNC_TEST_REAL_ENDPOINT", "https://api-v2.acrcloud.com")
    with Client(token, endpoint, read_only=True) as client:
        yield Account(client)
    assert set(client.sent) <= {"GET"}


def test_a_real_account_is_observed_and_read_alike(real):
    rows = real.observe().rows
    assert len({row.id for row in rows}) == len(rows)
    for row in rows[:3]:
        read = real.read(row.id)
        assert read is not None
        assert (read.id, read.attrs, read.marks) == (row.id, row.attrs, row.marks)


def test_the_contents_of_a_real_account_are_counted(real):
    some = real.observe().rows[:3]
    evidence = real.evidence(some, references=True)
    for row in some:
        assert evidence.contents.get(row.id, 0) in (None, 0) or row.facts["num"]


def test_a_bucket_that_a_real_account_does_not_have_is_none(real):
    try:
        assert real.read(1) is None
    except AccessDenied:
        pytest.skip("this server forbids what it does not know")
