"""Export, load: the same buckets, each either as it is or in a comment, whatever the server holds."""

import json

from hypothesis import given
from hypothesis import strategies as st

from acrsync.bucket import canonical, decode
from acrsync.manifest import load_texts
from acrsync.manifest.shape import attrs_checker
from acrsync.manifest.writing import dump, entry
from acrsync.model import Snapshot
from acrsync.plan.matching import match
from acrsync.plan.planner import make_plan

texts = st.text(max_size=12)
names = st.sampled_from(["music", "Music", "music ", "no", "123", "2020-01-01", "a: b", "mu\u200bsic"]) | texts
templates = st.dictionaries(
    texts,
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["text", "select"]),
            "default": texts,
            "options": st.lists(texts, min_size=1),
        },
    ),
    max_size=3,
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda inner: st.dictionaries(texts, inner), max_leaves=4
)
template_texts = templates.map(json.dumps) | anything.map(json.dumps) | texts | st.none()
labels = st.lists(st.sampled_from(["Music", "a,b", " a", "acrsync:x", "acrsync:protected"]) | texts, max_size=4)
rows = st.fixed_dictionaries(
    {
        "name": names,
        "region": st.sampled_from(["eu-west-1", "global", "mars"]),
        "type": st.sampled_from(["File", "DedupFile", "Video"]),
        "uid": st.sampled_from([19, 19, 19, 7]),
    },
    optional={
        "net_type": st.sampled_from([0, 1, 2, "2", 3, None]),
        "labels": labels,
        "metadata_template": template_texts,
        "num": st.integers(0, 3),
    },
)


def snapshots(max_size=5):
    return st.lists(rows, max_size=max_size).map(
        lambda found: Snapshot(tuple(decode({"id": 100 - at, **row}) for at, row in enumerate(found)))
    )


@given(snapshots(), st.sampled_from([19, 7, None]))
def test_an_export_loads_and_plans_to_nothing(snapshot, uid):
    loaded = load_texts({"a": dump(snapshot, uid=uid).encode()})
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    plan = make_plan(loaded.manifest, snapshot)
    assert plan.work == ()
    assert plan.diagnostics == ()


@given(snapshots(), st.sampled_from([19, 7, None]))
def test_an_export_matches_the_account_and_comments_on_the_rest(snapshot, uid):
    text = dump(snapshot, uid=uid)
    loaded = load_texts({"a": text.encode()})
    assert loaded.manifest is not None
    ours = loaded.manifest.account_uid
    pairs = match(loaded.manifest.desired, [row for row in snapshot.rows if ours is None or row.uid == ours]).pairs
    assert len(pairs) == len(loaded.manifest.desired)
    for desired, live in pairs:
        assert {"name", "region", "type"} <= set(desired.attrs)
        assert desired.attrs == {key: live.attrs[key] for key in desired.attrs}
        for key in set(live.attrs) - set(desired.attrs):
            assert f"# {key} is not managed: " in text
    managed = {live.id for _, live in pairs}
    for row in snapshot.rows:
        assert row.id in managed or f"(id {row.id}): " in text


@given(snapshots(), st.sampled_from([19, 7, None]))
def test_a_bucket_that_an_export_cannot_express_is_never_pruned(snapshot, uid):
    text = dump(snapshot, uid=uid)
    loaded = load_texts({"a": (text + "prune: account\n").encode()})
    assert loaded.manifest is not None
    assert make_plan(loaded.manifest, snapshot).work == ()


@given(snapshots(), st.randoms(use_true_random=False))
def test_an_export_does_not_depend_on_the_order_of_the_list(snapshot, random):
    shuffled = list(snapshot.rows)
    random.shuffle(shuffled)
    assert dump(snapshot, uid=19) == dump(Snapshot(tuple(shuffled)), uid=19)


@given(rows)
def test_an_entry_to_paste_is_the_bucket(row):
    attrs = dict(decode({"id": 1, **row}).attrs)
    if attrs_checker()(attrs) or isinstance(attrs["metadata_template"], str):
        return  # shown to people all the same, but no manifest can hold it
    loaded = load_texts({"a": f"version: 1\nbuckets:\n{entry(attrs)}\n".encode()})
    if loaded.manifest is not None:
        assert [desired.attrs for desired in loaded.manifest.desired] == [canonical(attrs)]
    else:  # edges of names and labels, and halves of surrogate pairs, which the schema cannot see
        assert {problem.code for problem in loaded.diagnostics} <= {"E105", "E110", "E135", "E140"}
