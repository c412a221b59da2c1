"""An account as a manifest: what can be managed as entries, the rest as comments that say why."""

from pathlib import Path

import pytest

from acrsync.bucket import decode
from acrsync.manifest import load_texts
from acrsync.manifest.writing import dump, entry
from acrsync.model import Evidence, Manifest, Snapshot
from acrsync.plan.guards import guarded
from acrsync.plan.ownership import account_uid
from acrsync.plan.planner import make_plan

GOLDEN = Path(__file__).parent.parent / "golden" / "manifest-export"
# Source: Console API, "List Buckets".
VENDOR_ROWS = [
    {"id": 14791, "name": "test", "type": "Live", "region": "eu-west-1", "labels": ["TV"], "net_type": 1},
    {"id": 14556, "name": "adsfasdf", "type": "LiveTimeshift", "region": "eu-west-1", "labels": [""], "net_type": 1},
    {
        "id": 12310,
        "name": "eu_shared_bucket2",
        "type": "LiveRec",
        "region": "eu-west-1",
        "labels": ["Radio"],
        "net_type": 1,
    },
    {
        "id": 12309,
        "name": "eu_shared_bucket",
        "type": "LiveRec",
        "region": "eu-west-1",
        "labels": ["Radio"],
        "net_type": 1,
    },
    {"id": 1159, "name": "us_bucket", "type": "File", "region": "global", "labels": ["Music"], "net_type": 0, "num": 7},
    {"id": 1116, "name": "offline-bucket", "type": "File", "region": "eu-west-1", "labels": ["Music"], "net_type": 2},
]


def snapshot(*rows, **common):
    usual = {"id": 1, "uid": 19, "type": "File", "region": "eu-west-1", "net_type": 1, **common}
    return Snapshot(
        tuple(decode({**usual, "id": 100 - at, **row}) for at, row in enumerate(rows)), "https://api.example"
    )


def exported(*rows, uid=19, **common):
    """Export, check that it loads and wants what is there, and return the text without its head."""
    live = snapshot(*rows, **common)
    text = dump(live, uid=uid)
    loaded = load_texts({"acrsync.yaml": text.encode()})
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    assert loaded.manifest.account_uid == uid
    by_name = {row.name: row for row in reversed(live.rows)}
    for desired in loaded.manifest.desired:
        assert desired.attrs == {key: by_name[desired.name].attrs[key] for key in desired.attrs}
    return text.split("buckets:", 1)[1]


def test_the_vendor_s_sample_account_as_a_manifest(golden):
    golden(GOLDEN / "vendor.txt", dump(snapshot(*VENDOR_ROWS), uid=19))


def test_entries_are_sorted_by_name_and_complete():
    text = exported(
        {
            "name": "b",
            "labels": ["Z", "A: b"],
            "metadata_template": '{"z": {}, "a": {"type": "select", "options": ["1", "b"]}}',
        },
        {"name": "a", "labels": [""], "metadata_template": ""},
    )
    assert text == (
        "\n"
        "  - name: a\n"
        "    region: eu-west-1\n"
        "    type: File\n"
        "    net_type: 1\n"
        "    labels: []\n"
        "    metadata_template: {}\n"
        "  - name: b\n"
        "    region: eu-west-1\n"
        "    type: File\n"
        "    net_type: 1\n"
        '    labels: ["A: b", Z]\n'
        "    metadata_template:\n"
        "      z: {}\n"
        "      a:\n"
        "        type: select\n"
        '        options: ["1", b]\n'
    )


def test_an_empty_account_is_a_manifest_without_buckets():
    assert exported() == " []\n"


def test_an_unknown_account_number_is_not_written():
    assert "account" not in dump(snapshot({"name": "a"}), uid=None).split("version", 1)[1]


@pytest.mark.parametrize(
    "name",
    [
        "no",
        "123",
        "2020-01-01",
        "a: b",
        "1_000",
        "null",
        "~",
        "- x",
        "#x",
        "'",
        '"',
        "a#b",
        "{x}",
        "*x",
        "é",
        "🎧",
        "\\",
        "==",
    ],
)
def test_names_that_yaml_could_misread_survive_a_round_trip(name):
    loaded = load_texts({"a": dump(snapshot({"name": name}), uid=19).encode()})
    assert loaded.manifest is not None
    assert [desired.name for desired in loaded.manifest.desired] == [name]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"name": "x", "uid": 7}, "another account (uid 7)"),
        ({"name": "x", "region": "mars"}, '`region` is "mars", which this acrsync does not know'),
        ({"name": "x", "type": "Video"}, '`type` is "Video", which this acrsync does not know'),
        ({"name": "x", "region": None}, "`region` is null, which this acrsync does not know"),
        ({"name": "x\ud800"}, "half of a surrogate pair"),
        ({"name": 7}, "The name is 7, which is not a text"),
    ],
)
def test_a_bucket_that_cannot_be_managed_is_a_comment_with_the_reason_and_never_pruned(row, why):
    text = exported({"name": "fine"}, row)
    assert text.count("- name:") == 1
    (comment,) = [line for line in text.splitlines() if line.startswith("#   ")]
    assert "(id 99)" in comment
    assert why in comment
    assert_prunes_nothing(snapshot({"name": "fine"}, row))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"name": "x "}, "ends with a space"),
        ({"name": "x\ny"}, "invisible character"),
        ({"name": "x\u202ey"}, "invisible character"),
        ({"name": "Radio\u00a0FM"}, "looks like a space"),
        ({"name": "cafe\u0301"}, "NFC"),
        ({"name": ""}, "is empty"),
        ({"name": "x" * 256}, "256 characters"),
        ({"name": "x", "labels": [" a"]}, "The label"),
        ({"name": "x", "labels": ["a\u200b"]}, "The label"),
    ],
)
def test_a_name_or_label_that_the_rules_for_new_ones_refuse_is_written_with_the_id(row, why):
    text = exported({"name": "fine"}, row)
    assert text.count("- name:") == 2
    assert "\n    id: 99\n" in text
    assert why in text
    assert_prunes_nothing(snapshot({"name": "fine"}, row))


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("x", "x"), "several buckets have this name"),
        (("x", "x", "x"), "several buckets have this name"),
        (("Music", "music"), "only in case"),
        (("music", "music "), "only in case"),
        (("I ❤\ufe0f FM", "I ❤ FM"), "only in case"),
    ],
)
def test_buckets_that_could_be_taken_for_one_another_are_written_with_their_ids(names, why):
    rows = [{"name": name, "labels": [str(at)]} for at, name in enumerate(names)]
    live = snapshot(*rows)
    text = dump(live, uid=19)
    assert text.count(why) == len(names)
    assert_prunes_nothing(live)


def test_a_namesake_of_an_unknown_type_also_makes_the_name_ambiguous():
    text = exported({"name": "music"}, {"name": "music", "type": "Video"})
    assert "  - name: music\n" in text
    assert "    id: 100\n" in text


def assert_prunes_nothing(live):
    """Check that the export of an account takes nothing away, even if it may prune all that it does not name."""
    loaded = load_texts({"a": (dump(live, uid=19) + "prune: account\n").encode()})
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    plan = make_plan(loaded.manifest, live)
    assert (plan.work, plan.diagnostics) == ((), ())


def test_a_shared_bucket_is_a_comment_and_does_not_hide_the_uid():
    rows = snapshot({"name": "a"}, {"name": "ACRCloud Music", "uid": 1, "access_permission": "public"})
    text = dump(rows, uid=account_uid(Manifest(), rows))
    assert "account: {uid: 19}\n" in text
    assert "  - name: a\n" in text
    assert "It belongs to another account (uid 1)." in text


def test_rows_of_several_accounts_are_a_manifest_for_the_one_with_the_most():
    live = snapshot({"name": "a"}, {"name": "b"}, {"name": "c", "uid": 7})
    text = dump(live, uid=None)
    assert "# The list has buckets of several accounts: 7 (1 bucket), 19 (2 buckets).\n" in text
    assert "account: {uid: 19}\n" in text
    loaded = load_texts({"a": text.encode()})
    assert loaded.manifest is not None
    plan = guarded(make_plan(loaded.manifest, live), Evidence())
    assert (plan.work, plan.diagnostics, plan.can_apply) == ((), (), True)


@pytest.mark.parametrize(
    ("row", "key", "why"),
    [
        ({"metadata_template": "{oops"}, "metadata_template", "not a JSON object"),
        ({"metadata_template": "[1]"}, "metadata_template", "not a JSON object"),
        ({"metadata_template": '{"a": 1}'}, "metadata_template", "`a` is 1"),
        ({"metadata_template": '{"a": {"required": true}}'}, "metadata_template", "`required` is not a key"),
        ({"metadata_template": '{"a": {"default": "\\ud800"}}'}, "metadata_template", "surrogate"),
        ({"labels": ["a,b"]}, "labels", "comma"),
        ({"labels": ["\ud800"]}, "labels", "surrogate"),
        ({"net_type": 7}, "net_type", "`net_type` is 7"),
        ({"net_type": None}, "net_type", "`net_type` is null"),
    ],
)
def test_a_value_that_cannot_be_managed_is_left_out_with_a_comment(row, key, why):
    text = exported({"name": "music", **row})
    assert f"    {key}:" not in text
    (comment,) = [line for line in text.splitlines() if f"# {key} is not managed" in line]
    assert why in comment


def test_a_bucket_that_is_listed_without_a_region_is_a_comment():
    row = decode({"id": 7, "uid": 19, "name": "music", "type": "File"})
    text = dump(Snapshot((row,)), uid=19)
    assert '"music" (id 7): `region` is missing, which this acrsync does not know.' in text
    assert load_texts({"a": text.encode()}).diagnostics == ()


def test_marks_are_mentioned_and_not_managed():
    text = exported({"name": "music", "labels": ["a", "acrsync:radio\nx", "acrsync:protected"]})
    assert "    # Marks on the server: acrsync:protected, acrsync:radio\\x0ax\n" in text
    assert "    labels: [a]\n" in text


def test_no_value_of_a_bucket_ends_a_comment():
    evil = "x\nremoved: [{name: music}]\r\u2028\u0085"
    rows = [{"name": evil}, {"name": "a", "metadata_template": '{"a\\nb": {"x\\ny": 1}}', "region": "eu-west-1"}]
    text = exported(*rows, {"name": "b", "type": evil}, {"name": "c", "labels": [f" {evil}"]})
    for line in text.splitlines()[1:]:
        assert line.startswith(("#", "  "))


def test_a_very_long_field_name_is_still_written_as_a_key():
    exported({"name": "music", "metadata_template": f'{{"{"x" * 3000}": {{"default": "y"}}, "{"z" * 3000}": {{}}}}'})


@pytest.mark.parametrize(
    ("attrs", "text"),
    [
        ({"name": "music", "region": "eu-west-1", "type": "File"}, "- name: music\n  region: eu-west-1\n  type: File"),
        ({"labels": [], "name": "no", "net_type": 0}, '- name: "no"\n  net_type: 0\n  labels: []'),
        ({"name": "a", "metadata_template": None}, "- name: a\n  metadata_template: {}"),
        ({"name": "a", "metadata_template": "{oops"}, '- name: a\n  metadata_template: "{oops"'),
        (
            {"name": "a", "metadata_template": {"b": {"default": "1"}}},
            '- name: a\n  metadata_template:\n    b:\n      default: "1"',
        ),
    ],
)
def test_one_bucket_is_written_as_an_entry_to_paste(attrs, text):
    assert entry(attrs) == text


def test_a_portable_export_has_no_numbers_and_marks_what_cannot_be_created_elsewhere():
    live = snapshot(
        {"name": "music", "labels": ["acrsync:radio", "a"], "metadata_template": '{"x": {"default": "${y}"}}'},
        {"name": "old", "region": "global"},
        {"name": "dedup", "type": "DedupFile"},
        {"name": "china", "region": "cn-north-1"},
        {"name": "Music"},
        {"name": "music"},
        {"name": "Radio\u00a0FM"},
        {"name": "labels", "labels": [" a"]},
        {"name": "theirs", "uid": 7},
        {"name": "newer", "type": "Video"},
    )
    text = dump(live, uid=19, portable=True)
    loaded = load_texts({"a": text.encode()})
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    assert [(one.name, one.id) for one in loaded.manifest.desired] == [("Music", None), ("labels", None)]
    assert loaded.manifest.account_uid is None
    assert "19" not in text
    assert "(id" not in text
    assert text.count("  # Cannot be created elsewhere: ") == 6
    assert "  # Cannot be created elsewhere: only older buckets have region global; choose one of eu-west-1" in text
    assert "  # - name: old\n  #   region: global\n" in text
    assert '#   "newer": `type` is "Video"' in text
    plan = make_plan(loaded.manifest, Snapshot((), "https://api-v2.acrcloud.com"))
    assert (len(plan.work), plan.diagnostics) == (2, ())


def test_an_account_in_china_is_portable_to_another_one_there():
    live = Snapshot(snapshot({"name": "a", "region": "cn-north-1"}).rows, "https://api-v2.acrcloud.cn")
    assert "  - name: a\n" in dump(live, uid=19, portable=True)


def test_a_name_that_looks_like_a_variable_is_written_as_a_text():
    text = exported({"name": "${x}", "labels": ["$${y}"], "metadata_template": '{"${a}": {"default": "${b}"}}'})
    assert '- name: "$${x}"' in text


@pytest.mark.parametrize("uid", [0, -1, 10**17])
def test_an_account_with_an_unusual_number_is_exported(uid):
    rows = snapshot({"name": "one"}, {"name": "two"}, uid=uid)
    text = dump(rows, uid=uid)
    loaded = load_texts({"a.yaml": text.encode()})
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    plan = make_plan(loaded.manifest, rows)
    assert (plan.work, plan.diagnostics, plan.uid) == ((), (), uid)
    assert f"account: {{uid: {uid}}}" in text if uid > 0 else f"the list shows {uid} as uid" in text


def test_ids_of_many_digits_are_exported():
    rows = snapshot({"name": "one", "id": 10**17 + 1}, {"name": "one", "id": 10**17 + 2})
    loaded = load_texts({"a.yaml": dump(rows, uid=19).encode()})
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    assert not make_plan(loaded.manifest, rows).work
