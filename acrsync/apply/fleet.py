"""Several environments in one run: which of them wait for each other, and which must not be written to.

Each has its own token, connection, lease, record and guards; what fails in one stops no other. Only what one of them
shows of the others is decided here: environments of one account take turns, and tokens that may be swapped stop those
whose account nothing else confirms.
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
    tasks: Mapping[str, Callable[[], Done]], *, at_once: int, turns: Sequence[Sequence[str]] = ()
) -> dict[str, Done]:
    """Return what each task returns, by name. Those of one of the `turns` run one after the other, in its order.

    A task raises nothing: what goes wrong is what it returns. An interrupt ends the wait, not what has begun.
    """
    done: dict[str, Done] = {}
    together = turns or [[name] for name in tasks]

    def turn(names: Sequence[str]) -> None:
        for name in names:
            done[name] = tasks[name]()

    pool = ThreadPoolExecutor(at_once, thread_name_prefix="environment")
    try:
        for future in as_completed([pool.submit(turn, names) for names in together]):
            future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return {name: done[name] for name in tasks}


def turns(plans: Mapping[str, Plan], tokens: Mapping[str, object]) -> list[list[str]]:
    """Return the environments in groups of one account: of one uid, or reached with one token."""
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
    """Return the environments that must not be written to because of what the others show, with the reasons.

    `tokens`: where the token of each comes from. If one token belongs to another account than the manifest says, the
    tokens may be swapped. Another environment's account then has to be confirmed by a bucket in it: an account without
    buckets of its own could be any.
    """
    found: defaultdict[str, list[Diagnostic]] = defaultdict(list)
    wrong = [name for name, plan in plans.items() if any(o.guard is Guard.ACCOUNT for o in plan.objections)]
    for name, plan in plans.items():
        if wrong and name not in wrong and plan.work and not _is_confirmed(plan):
            others = ", ".join(map(visible, wrong))
            detail = (
                f"No bucket shows that this is the account of {visible(name)}, and the token for {others} is for "
                "another account than the manifest says. The tokens may be swapped."
            )
            fix = f"correct the tokens; if the one of {visible(name)} is right, apply it alone: --env {visible(name)}"
            found[name].append(error("E513", detail, fix=fix))
    for one, other, uid in _unexpectedly_alike(plans, tokens):
        detail = f"The tokens for {visible(one)} and {visible(other)} are for one account, {uid}."
        fix = f"correct the tokens; if that is meant, add `account: {{uid: {uid}}}` to both environments."
        found[one].append(error("E513", detail, fix=fix))
        found[other].append(error("E513", detail, fix=fix))
    return {name: tuple(reasons) for name, reasons in found.items()}


def _is_confirmed(plan: Plan) -> bool:
    expected = plan.manifest.account_uid
    rows = (live for change in plan.changes if (live := getattr(change, "live", None)) is not None)
    return expected is not None and any(row.uid == expected and not is_shared(row) for row in rows)


def _unexpectedly_alike(plans: Mapping[str, Plan], tokens: Mapping[str, object]) -> Iterator[tuple[str, str, int]]:
    """Yield two environments of one account that the manifest does not say to be of one.

    It says so by the same `account` for both, or by the same variable for the token: then it was checked that they
    cannot change each other's buckets.
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
