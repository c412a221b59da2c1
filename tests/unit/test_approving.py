"""What approves several objections at once, a stack that is renamed, and buckets removed by id."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from acrsync.manifest import load_texts
from acrsync.plan.changes import Delete, Update
from acrsync.plan.document import Plan
from acrsync.plan.file import load_plan
from acrsync.report import PLAIN, plan_text
from acrsync.report.approving import approvals_text
from doubles import MemoryAccount
from reconcile import plan_for, reconcile

HEAD = "version: 1\nstack: radio\nownership: label\ndefaults: {region: eu-west-1, type: File}\n"


def planned(text: str, account: MemoryAccount) -> Plan:
    loaded = load_texts({"acrsync.yaml": text.encode()})
    assert loaded.manifest is not None, loaded.diagnostics
    return plan_for(loaded.manifest, account)


def mistakes(text: str) -> list[str]:
    return [diagnostic.code for diagnostic in load_texts({"acrsync.yaml": text.encode()}).diagnostics]


def two_of_another_stack() -> MemoryAccount:
    account = MemoryAccount()
    account.seed(id=1, name="one", labels=["acrsync:tv"])
    account.seed(id=2, name="two", labels=["acrsync:film"])
    account.seed(id=3, name="three", labels=["acrsync:radio"])
    return account


# One block -----------------------------------------------------------------------------------------------------------


def test_several_objections_print_one_block_that_can_be_pasted():
    account = two_of_another_stack()
    text = HEAD + "buckets: [{name: one}, {name: two}]\n"
    refused = planned(text, account)
    block = approvals_text(refused)
    assert block in plan_text(refused, style=PLAIN)
    intro, _, pasted = block.partition("\n")
    assert intro == "To approve these objections, add this to the manifest, with your reasons:"
    assert pasted.count("guard: takeover") == 2
    assert planned(f"{text}{pasted}\n", account).can_apply


def test_the_block_keeps_existing_approvals_without_those_that_have_no_effect():
    account = two_of_another_stack()
    head = HEAD + "buckets: [{name: one}, {name: two}]\n"
    there = 'allow:\n- {guard: takeover, id: 1, reason: "OPS: 1"}\n- {guard: replace, id: 99, reason: long ago}\n'
    block = approvals_text(planned(head + there, account))
    intro, _, pasted = block.partition("\n")
    assert intro.startswith("To approve these objections, replace `allow:` at acrsync.yaml:6:1 by this")
    assert pasted == (
        'allow:\n  - {guard: takeover, id: 1, reason: "OPS: 1"}\n  - {guard: takeover, id: 2, reason: "..."}'
    )
    allowed = planned(f"{head}{pasted}\n", account)
    assert (allowed.can_apply, allowed.diagnostics) == (True, ())


def test_a_single_objection_prints_its_line_in_its_message_and_no_block():
    account = two_of_another_stack()
    plan = planned(HEAD + "buckets: [{name: one}]\n", account)
    assert approvals_text(plan) == ""
    (objection,) = plan.objections
    assert objection.diagnostic.fix.endswith('\nallow: [{guard: takeover, id: 1, reason: "..."}]')


def test_if_approvals_exist_an_objection_prints_an_entry_and_not_a_second_key():
    plan = planned(HEAD + "buckets: [{name: one}, {name: two}]\n", two_of_another_stack())
    for objection in plan.objections:
        last = objection.diagnostic.fix.splitlines()[-1]
        assert last == f'- {{guard: takeover, id: {objection.id}, reason: "..."}}'


def test_an_approval_needs_a_reason():
    head = "version: 1\nbuckets: []\n"
    assert mistakes(head + "allow: [{guard: replace, id: 1}]\n") == ["E133"]
    assert mistakes(head + "allow: [{guard: replace, id: 1, reason: ''}]\n") == ["E134"]


# A stack that is renamed ---------------------------------------------------------------------------------------------


def a_stack_of(count: int) -> MemoryAccount:
    account = MemoryAccount()
    for number in range(1, count + 1):
        account.seed(id=number, name=f"b{number}", labels=["acrsync:old"])
    return account


BUCKETS = "buckets: [{name: b1}, {name: b2}, {name: b3}]\n"


def test_renaming_a_stack_is_one_approval():
    account = a_stack_of(3)
    refused = planned(HEAD + BUCKETS, account)
    assert len(refused.objections) == 3
    assert approvals_text(refused).splitlines()[1:] == [
        "allow:",
        '  - {guard: takeover, stack: "old", reason: "..."}',
    ]
    text = f"{HEAD}{BUCKETS}{approvals_text(refused).partition(chr(10))[2]}\n"
    allowed = planned(text, account)
    assert (allowed.can_apply, [str(approval) for approval in allowed.approved]) == (True, ["takeover:acrsync:old"])
    assert plan_text(allowed, style=PLAIN).count("approved by takeover:acrsync:old (...)") == 3
    assert load_plan(replace(allowed, made_at=datetime.now(UTC)).to_json()).plan == allowed
    loaded = load_texts({"acrsync.yaml": text.encode()}).manifest
    assert loaded is not None
    done = reconcile(loaded, account)
    assert {row.marks for row in account.observe().rows} == {("acrsync:radio",)}
    assert all(outcome.status == "updated" for outcome in done.outcomes)


def test_if_part_of_a_stack_stays_each_takeover_needs_its_own_approval():
    account = a_stack_of(4)
    line = "allow: [{guard: takeover, stack: old, reason: renamed}]\n"
    refused = planned(HEAD + BUCKETS + line, account)
    assert [objection.id for objection in refused.objections] == [1, 2, 3]
    assert [objection.stack for objection in refused.objections] == [None] * 3
    assert 'stack: "old", reason: "..."' not in approvals_text(refused)


def test_after_a_stack_is_renamed_its_approval_has_no_effect():
    account = MemoryAccount()
    account.seed(id=1, name="b1", labels=["acrsync:radio"])
    line = "allow: [{guard: takeover, stack: old, reason: renamed}]\n"
    plan = planned(HEAD + "buckets: [{name: b1}]\n" + line, account)
    assert [diagnostic.code for diagnostic in plan.diagnostics] == ["W310"]


def test_an_approval_names_a_bucket_or_a_stack_and_a_stack_only_for_takeover():
    head = "version: 1\nbuckets: []\n"
    assert mistakes(head + "allow: [{guard: takeover, reason: a}]\n") == ["E133"]
    assert mistakes(head + "allow: [{guard: takeover, id: 1, stack: b, reason: a}]\n") == ["E132"]
    assert mistakes(head + "allow: [{guard: replace, stack: b, reason: a}]\n") == ["E132"]


def test_a_bucket_moves_to_another_stack_after_the_first_one_forgets_it():
    account = MemoryAccount()
    account.seed(id=1, name="moving", labels=["acrsync:tv"])
    account.seed(id=2, name="staying", labels=["acrsync:tv"])
    tv = HEAD.replace("radio", "tv") + "prune: stack\nbuckets: [{name: staying}]\n"
    plan = planned(tv, account)
    assert [type(change) for change in plan.work] == [Delete]
    (line,) = (line for line in plan_text(plan, style=PLAIN).splitlines() if "to keep it" in line)
    pasted = line.split("`")[1]
    forgetting = load_texts({"acrsync.yaml": f"{tv}{pasted}\n".encode()}).manifest
    assert forgetting is not None
    reconcile(forgetting, account)
    taken = planned(HEAD + "buckets: [{name: moving}]\n", account)
    assert (taken.can_apply, taken.objections) == (True, ())
    assert [type(change) for change in taken.work] == [Update]


def test_the_objection_to_a_takeover_names_the_line_that_the_other_stack_pastes():
    account = two_of_another_stack()
    (objection,) = planned(HEAD + "buckets: [{name: one}]\n", account).objections
    assert '`removed: [{name: "one", forget: true}]`' in objection.diagnostic.fix


# Removed by id -------------------------------------------------------------------------------------------------------


def doubled() -> MemoryAccount:
    account = MemoryAccount()
    account.seed(id=1, name="music")
    account.seed(id=2, name="music")
    return account


PLAIN_HEAD = "version: 1\ndefaults: {region: eu-west-1, type: File}\n"


def test_removed_by_id_deletes_one_of_two_namesakes_and_the_entry_matches_the_other():
    account = doubled()
    text = PLAIN_HEAD + "limits: {deletes: 1}\nbuckets: [{name: music}]\n"
    assert [diagnostic.code for diagnostic in planned(text, account).errors] == ["E202"]
    plan = planned(text + "removed: [{id: 2}]\n", account)
    assert [(type(change), change.live.id) for change in plan.work if isinstance(change, Delete)] == [(Delete, 2)]
    assert (plan.can_apply, len(plan.work)) == (True, 1)
    loaded = load_texts({"acrsync.yaml": (text + "removed: [{id: 2}]\n").encode()}).manifest
    assert loaded is not None
    assert reconcile(loaded, account).verified
    assert [row.id for row in account.observe().rows] == [1]
    assert not planned(text + "removed: [{id: 2}]\n", account).work


def test_removed_by_name_of_two_namesakes_prints_the_ids_to_write():
    plan = planned(PLAIN_HEAD + "buckets: []\nremoved: [{name: music}]\n", doubled())
    (problem,) = plan.errors
    assert "{id: 2} or {id: 1}" in problem.fix or "{id: 1} or {id: 2}" in problem.fix


def test_a_removed_id_that_is_not_listed_is_already_gone():
    assert not planned(PLAIN_HEAD + "buckets: []\nremoved: [{id: 99}]\n", doubled()).work


def test_removed_by_id_of_a_bucket_with_an_entry_is_an_error():
    assert mistakes(PLAIN_HEAD + "buckets: [{name: music, id: 2}]\nremoved: [{id: 2}]\n") == ["E144"]
    account = MemoryAccount()
    account.seed(id=2, name="music")
    plan = planned(PLAIN_HEAD + "buckets: [{name: music}]\nremoved: [{id: 2}]\n", account)
    assert [diagnostic.code for diagnostic in plan.errors] == ["E203"]


@pytest.mark.parametrize(
    ("entry", "code"),
    [("{forget: true}", "E133"), ("{name: a, id: 1}", "E132"), ("{id: a}", "E131"), ("{id: 0}", "E132")],
)
def test_removed_has_a_name_or_an_id(entry, code):
    assert mistakes(f"version: 1\nbuckets: []\nremoved: [{entry}]\n") == [code]
