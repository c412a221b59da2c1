"""Laws of saved plans: what is saved comes back, what is mangled is refused, and the meaning has one number."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from acrsync.diagnostics import AcrsyncError, Diagnostic, Severity, Span
from acrsync.model import Approval, Desired, Limit, Live, Manifest, Prune, Removed
from acrsync.plan.changes import Create, Delete, Keep, Kept, Marks, Objection, Replace, Update
from acrsync.plan.document import Plan, checksum
from acrsync.plan.file import load_plan
from acrsync.report import COLOURED, FORMATS, PLAIN, plan_text
from reconcile import plan_for
from report_plans import EVERYTHING, RUN
from strategies import accounts, manifests

JSON_TEXT = FORMATS["json"]

words = st.text(max_size=5) | st.sampled_from(["::error::x", "##[add-mask]x", "a\nb", "\x1b[2J", "\u202e", "a -> b"])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner), max_leaves=5)
ids = st.integers(1, 10**6)
spans = st.none() | st.builds(Span, words, ids, ids)
labels = st.lists(words, max_size=3)
templates = st.none() | words | st.dictionaries(words, values, max_size=3)
rest = {"region": values, "type": values, "net_type": values, "labels": labels, "metadata_template": templates}
some_attrs = st.fixed_dictionaries({"name": words}, optional=rest)
marks = st.builds(Marks, *[st.lists(words, max_size=2).map(tuple)] * 2)
desired = st.builds(Desired, some_attrs, spans, st.none() | ids, st.none() | words, st.none() | st.booleans())
facts = st.dictionaries(st.sampled_from(["uid", "num", "size", "created_at"]), values)
live = st.builds(Live, ids, st.fixed_dictionaries({"name": words, **rest}), st.lists(words).map(tuple), facts)
limits = st.builds(Limit, st.integers(0, 100), percent=st.booleans())
approvals = st.lists(st.builds(Approval, words, ids, words, spans), max_size=2).map(tuple)
diagnostics = st.builds(Diagnostic, st.sampled_from(Severity), words, words, words, words, spans)
objections = st.builds(Objection, words, diagnostics, st.none() | ids, words)


@st.composite
def updates(draw: st.DrawFn, sort: type[Update] | type[Replace]) -> Update | Replace:
    wanted = draw(desired)
    fields = tuple(draw(st.lists(st.sampled_from(sorted(wanted.attrs)), unique=True)))
    return sort(wanted, draw(live), fields, draw(words), draw(marks))


work = st.one_of(
    st.builds(Create, desired, words, marks), updates(Update), updates(Replace), st.builds(Delete, live, words)
)
kept = st.builds(Keep, live, st.sampled_from([Kept.UNMANAGED, Kept.FOREIGN])) | st.builds(
    Keep, live, st.just(Kept.IN_SYNC), desired
)
written = st.builds(
    Manifest,
    desired=st.lists(desired, max_size=2).map(tuple),
    removed=st.lists(st.builds(Removed, words, st.booleans(), spans), max_size=2).map(tuple),
    approvals=approvals,
    stack=st.none() | words,
    account_uid=st.none() | ids,
    ownership=st.booleans(),
    prune=st.sampled_from(Prune),
    deletes_limit=limits,
    files=st.lists(words, max_size=2).map(tuple),
    spans=st.dictionaries(words, st.builds(Span, words, ids, ids), max_size=2),
)
plans = st.builds(
    Plan,
    waves=st.lists(st.lists(work, min_size=1, max_size=2).map(tuple), max_size=3).map(tuple),
    kept=st.lists(kept, max_size=3).map(lambda all_: tuple(sorted(all_, key=lambda k: (k.kept, k.name, k.live.id)))),
    manifest=written,
    uid=st.none() | ids,
    endpoint=words,
    diagnostics=st.lists(diagnostics, max_size=2).map(tuple),
    objections=st.lists(objections, max_size=2).map(tuple),
    approved=approvals,
    notes=st.lists(words, max_size=2).map(tuple),
)


@given(plans)
def test_a_saved_plan_survives_a_round_trip(plan: Plan) -> None:
    assert load_plan(JSON_TEXT(plan, RUN)).plan == plan


@given(manifests(), accounts())
def test_a_plan_survives_a_round_trip_with_the_same_digest(manifest: Manifest, account: Any) -> None:
    plan = plan_for(manifest, account)
    assert load_plan(JSON_TEXT(plan, RUN)).plan == plan
    turned = replace(manifest, desired=manifest.desired[::-1], approvals=manifest.approvals[::-1])
    assert plan_for(turned, account).digest == plan.digest


def refused_or_same(text: str | bytes, meaning: str) -> None:
    """Load a text; whatever it is, it is refused with one message or means what it meant, and can be shown."""
    try:
        saved = load_plan(text)
    except AcrsyncError:
        return
    assert saved.plan.digest == meaning
    plan_text(saved.plan, style=PLAIN)


@given(st.binary() | values.map(json.dumps) | st.text())
def test_anything_that_is_not_a_plan_is_refused(text: str | bytes) -> None:
    refused_or_same(text, "none of these is a plan")


@st.composite
def mangled(draw: st.DrawFn) -> dict[str, Any]:
    """Return the document of a plan with one value anywhere in it taken away or made something else."""
    document: dict[str, Any] = json.loads(JSON_TEXT(EVERYTHING, RUN))
    place: Any = document
    while True:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        assume(len(keys) > 0)
        key = draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 3)) == 0:
            break
        place = inner
    if draw(st.booleans()):
        del place[key]
    else:
        place[key] = draw(values)
    return document


@given(mangled(), st.booleans())
def test_a_mangled_plan_is_refused_or_means_the_same(document: dict[str, Any], sealed: bool) -> None:
    if sealed:
        document["checksum"] = checksum(document)
    refused_or_same(json.dumps(document), EVERYTHING.digest)


@given(plans)
def test_no_outside_text_moves_the_cursor_or_is_a_pipeline_command(plan: Plan) -> None:
    text = plan_text(plan, style=PLAIN)
    assert not [c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


@given(plans)
def test_color_adds_only_color(plan: Plan) -> None:
    coloured = plan_text(plan, style=COLOURED)
    assert re.sub(r"\x1b\[[0-9;]+m", "", coloured) == plan_text(plan, style=PLAIN)
