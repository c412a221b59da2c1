"""Several environments in one run: which of them run in sequence, and which must not be written to.

Each environment has its own token, connection, lease, record and guards, and a failure in one does not stop the others.
This module decides only what needs several of them: environments of one account run in sequence, and if tokens may be
swapped, environments whose account is not confirmed are not written to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from acrsync.diagnostics import Diagnostic, error
from acrsync.plan.document import Plan
from acrsync.plan.guards import Guard
from acrsync.plan.ownership import is_shared
from acrsync.runs.where import account_key
from acrsync.visible import visible

PLANS = 16  # environments that are planned at the same time
APPLIES = 4  # accounts that are written to at the same time

Done = TypeVar("Done")


def each(
    tasks: Mapping[str, Callable[[], Done]], *, at_once: int, groups: Sequence[Sequence[str]] = ()
) -> dict[str, Done]:
    """Return what each task returns, by name. The tasks of one group in `groups` run in sequence, in its order.

    A task must not raise: it returns its errors. An interrupt ends the wait, but not the tasks that have begun.
    """
    done: dict[str, Done] = {}

    def in_sequence(names: Sequence[str]) -> None:
        for name in names:
            done[name] = tasks[name]()

    pool = ThreadPoolExecutor(at_once, thread_name_prefix="environment")
    try:
        for future in as_completed([pool.submit(in_sequence, names) for names in groups or [[name] for name in tasks]]):
            future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return {name: done[name] for name in tasks}


def by_account(plans: Mapping[str, Plan], tokens: Mapping[str, object]) -> list[list[str]]:
    """Return the environments in groups that have the same account: the same uid, or the same token."""
    groups: list[tuple[set[object], list[str]]] = []
    for name, plan in plans.items():
        keys: set[object] = {(plan.endpoint, tokens[name])}
        if plan.uid is not None:
            keys.add(account_key(plan.endpoint, plan.uid))
        names = [name]
        for group in [group for group in groups if group[0] & keys]:
            groups.remove(group)
            keys |= group[0]
            names = [*group[1], *names]
        groups.append((keys, names))
    return [names for _, names in groups]


def held_back(plans: Mapping[str, Plan], tokens: Mapping[str, object]) -> dict[str, tuple[Diagnostic, ...]]:
    """Return, with the reasons, the environments that must not be written to because of the others.

    `tokens`: the source of each token. If a token belongs to another account than the manifest sets, the tokens may be
    swapped. Then a bucket must confirm the account of every other environment: an account without own buckets could be
    any account.
    """
    found: defaultdict[str, list[Diagnostic]] = defaultdict(list)
    wrong = [name for name, plan in plans.items() if any(o.guard is Guard.ACCOUNT for o in plan.objections)]
    for name, plan in plans.items():
        if wrong and name not in wrong and plan.work and not _is_confirmed(plan):
            others = ", ".join(map(visible, wrong))
            detail = (
                f"No bucket shows that this is the account of {visible(name)}, and the token for {others} is for "
                "another account than the manifest sets. The tokens may be swapped."
            )
            fix = (
                f"correct the tokens; if the token for {visible(name)} is right, apply it alone: --env {visible(name)}"
            )
            found[name].append(error("E513", detail, fix=fix))
    for one, other, uid in _unexpectedly_equal(plans, tokens):
        detail = f"The tokens for {visible(one)} and {visible(other)} are for the same account, {uid}."
        fix = f"correct the tokens; if this is intended, add `account: {{uid: {uid}}}` to both environments."
        found[one].append(error("E513", detail, fix=fix))
        found[other].append(error("E513", detail, fix=fix))
    return {name: tuple(reasons) for name, reasons in found.items()}


def _is_confirmed(plan: Plan) -> bool:
    expected = plan.manifest.account_uid
    rows = (live for change in plan.changes if (live := getattr(change, "live", None)) is not None)
    return expected is not None and any(row.uid == expected and not is_shared(row) for row in rows)


def _unexpectedly_equal(plans: Mapping[str, Plan], tokens: Mapping[str, object]) -> Iterator[tuple[str, str, int]]:
    """Yield two environments that have the same account, although the manifest does not say so.

    The manifest says so if both have the same `account`, or the same variable for the token. In that case validation
    has checked that they cannot change each other's buckets.
    """
    first: dict[str, str] = {}
    for name, plan in plans.items():
        if plan.uid is None:
            continue
        key = account_key(plan.endpoint, plan.uid)
        before = first.setdefault(key, name)
        stated = plan.manifest.account_uid is not None and plans[before].manifest.account_uid is not None
        if before != name and not stated and tokens[before] != tokens[name]:
            yield before, name, plan.uid
