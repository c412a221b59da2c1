"""Several environments in one run: plans and shows all, asks once, applies them, and writes one report."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

import click

from acrsync import ExitCode, Plan
from acrsync.apply.fleet import APPLIES, PLANS, by_account, each, held_back
from acrsync.apply.terms import Seen
from acrsync.cli import ci, output
from acrsync.cli.endpoint import EMULATOR, opened
from acrsync.cli.environments import PLACEHOLDER, Target, file_for
from acrsync.cli.options import RECORD, Applying, Common, Planning
from acrsync.cli.planning import PlanChanged, facts, loop_for, observe, plan_changed, result_facts, style_for
from acrsync.cli.recording import RecordFiles
from acrsync.diagnostics import error
from acrsync.plan.fleet import Part, worst
from acrsync.plan.outcome import WORST_FIRST, Outcome
from acrsync.plan.outcome import Run as Facts
from acrsync.report import FLEET, FORMATS, PLAIN
from acrsync.report.fleet import fleet_text
from acrsync.report.result import outcome_line
from acrsync.report.style import counted
from acrsync.runs import Run
from acrsync.visible import visible


def plan(targets: Sequence[Target], where: Common, planning: Planning) -> ExitCode:
    """Plan and show every environment; return the exit code of the worst one."""
    _refuse_shared_files(planning)
    parts = _report(_planned(targets, planning, saved={}, read_only=True), where, planning)
    return worst(parts)


def apply(
    targets: Sequence[Target],
    where: Common,
    planning: Planning,
    applying: Applying,
    *,
    saved: Mapping[str, Plan],
    ask: Callable[[str], bool] | None,
) -> ExitCode:
    """Plan and show every environment, ask once, apply what can be applied; return the exit code of the worst one.

    `saved`: saved plans, by environment. A failure in one environment does not stop the others.
    """
    from acrsync.cli.interrupt import in_two_stages

    _refuse_shared_files(planning)
    records = RecordFiles(planning.records, [target.name for target in targets])
    planned = _planned(targets, planning, saved=saved, read_only=False)
    plans = {name: part.plan for name, part in planned.items() if part.plan is not None}
    tokens = {target.name: _token(target.where) for target in targets}
    held = held_back(plans, tokens)
    for name, reasons in held.items():
        run = planned[name].run
        planned[name] = replace(planned[name], run=replace(run, exit_code=ExitCode.REFUSED, diagnostics=reasons))
    to_apply = {
        target.name: (target, plans[target.name])
        for target in targets
        if target.name in plans and target.name not in held
    }
    due = {name: plan for name, (_, plan) in to_apply.items() if plan.can_apply and plan.work}
    text = fleet_text([*planned.values()], style=style_for(where.color) if planning.format == "text" else PLAIN)
    with ci.section("acrsync_plan", "acrsync plan"):
        if planning.format == "text":
            output.answer(text)
        elif ask is not None:
            output.say(text)
    if due and ask is not None and not ask(_question(due)):
        # The answer came late: the new plans must equal those that were shown.
        again = _planned([to_apply[name][0] for name in due], planning, saved=saved, read_only=False)
        digests = {name: part.plan.digest if part.plan else None for name, part in again.items()}
        if any(digests[name] != plan.digest for name, plan in due.items()):
            return worst(
                _report(planned | {name: _plan_changed(part) for name, part in again.items()}, where, planning)
            )
    _save(planned.values(), planning)
    stop = threading.Event()
    with ExitStack() as until_end, ci.section("acrsync_apply", "acrsync apply"):
        if due:
            until_end.enter_context(in_two_stages(stop, last=records.save))

        def task(target: Target, plan: Plan) -> Callable[[], Part]:
            return lambda: _guarded(
                target,
                lambda: _applied(
                    target,
                    planning,
                    applying,
                    plan,
                    saved=saved.get(target.name),
                    approved=ask is not None,
                    stop=stop,
                    on_begin=lambda run: records.began(target.name, run),
                ),
                before=planned[target.name],
                stop=stop,
            )

        groups = by_account({name: plan for name, (_, plan) in to_apply.items()}, tokens)
        done = each({name: task(*one) for name, one in to_apply.items()}, at_once=APPLIES, groups=groups)
        parts = _report(planned | done, where, planning, last=True, writes_files=False)
    return worst(parts)


def _planned(
    targets: Sequence[Target], planning: Planning, *, saved: Mapping[str, Plan], read_only: bool
) -> dict[str, Part]:
    """Return the plan of each environment, or why there is none. Sends only GET requests."""

    def planned(target: Target) -> Part:
        with opened(target.where, read_only=True) as account:
            plan = observe(loop_for(account, target, planning), target, saved.get(target.name)).plan
            code = plan.exit_code(detailed=planning.detailed_exitcode and read_only)
            return Part(target.name, plan, facts(code, account))

    def task(target: Target) -> Callable[[], Part]:
        return lambda: _guarded(target, lambda: planned(target))

    return each({target.name: task(target) for target in targets}, at_once=PLANS)


def _guarded(
    target: Target, work: Callable[[], Part], *, before: Part | None = None, stop: threading.Event | None = None
) -> Part:
    """Return the result of the work, or its error, which affects only this environment."""
    from acrsync.cli.trouble import ended_by

    if stop is not None and stop.is_set():
        detail = "Nothing was written to this environment."
        run = Facts(output.now(), ExitCode.INTERRUPTED, diagnostics=(error("E001", detail),))
        return Part(target.name, before.plan if before else None, run)
    try:
        return work()
    except BaseException as e:  # noqa: BLE001 - the handler of one environment, like the one for a whole run in `cli`
        diagnostics, code = ended_by(e)
        run = Facts(output.now(), code, diagnostics=diagnostics, outcomes=() if before else None)
        return Part(target.name, before.plan if before else None, run)


def _applied(
    target: Target,
    planning: Planning,
    applying: Applying,
    shown: Plan,
    *,
    saved: Plan | None,
    approved: bool,
    stop: threading.Event,
    on_begin: Callable[[Run], object],
) -> Part:
    """Apply one environment. If a person `approved` the plan that was `shown`, no other plan is applied."""
    name, total = target.name, len(shown.work)

    def notify(text: str) -> None:
        output.say(f"{name}: {text}")

    with opened(target.where, read_only=False, cancel=stop) as account:
        loop = loop_for(account, target, planning, saved=saved, applying=applying, stop=stop, notify=notify)

        def approve(seen: Seen) -> None:
            nonlocal total
            if seen.plan.digest != shown.digest:
                if approved or not shown.can_apply:
                    raise PlanChanged(seen.plan)
                notify("the account changed, so this plan differs from the one that was shown.")
            total = len(seen.plan.work)

        def stream(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
            for number, outcome in enumerate(outcomes, start=1):
                output.say(f"{name} [{number}/{total}] {outcome_line(outcome, style=PLAIN)}")
                yield outcome

        try:
            result = loop.reconcile(
                lambda known: observe(loop, target, saved, known=known),
                on_begin=on_begin,
                approve=approve,
                stream=stream,
            )
        except PlanChanged as e:
            return _plan_changed(Part(name, e.plan, facts(ExitCode.STALE, account)))
        return Part(name, result.plan, result_facts(result, account))


def _plan_changed(part: Part) -> Part:
    code = min(ExitCode.STALE, part.run.exit_code, key=WORST_FIRST.index)
    return replace(part, run=replace(part.run, exit_code=code, diagnostics=(*part.run.diagnostics, plan_changed())))


def _report(
    found: Mapping[str, Part], where: Common, planning: Planning, *, last: bool = False, writes_files: bool = True
) -> list[Part]:
    """Write the files of `--out`, then the report to stdout and to the pipeline."""
    parts = [*found.values()]
    if writes_files:
        _save(parts, planning)
    as_text = planning.format == "text"
    text = fleet_text(parts, style=style_for(where.color), seen=last) if as_text else FLEET["json"](parts)
    (output.last_answer if last else output.answer)(f"\n{text}" if last and as_text else text)
    ci.report_all(parts)
    return parts


def _save(parts: Iterable[Part], planning: Planning) -> None:
    parts = [*parts]
    for name, path in planning.reports:
        if PLACEHOLDER in str(path):
            for part in parts:
                output.save(file_for(path, part.name), FORMATS[name](part.plan, part.run))
        else:
            output.save(path, FLEET[name](parts))


def _refuse_shared_files(planning: Planning) -> None:
    for name, path in planning.out:
        if name in ("json", "terraform-json", RECORD) and PLACEHOLDER not in str(path):
            better = path.with_name(f"{path.stem}-{PLACEHOLDER}{path.suffix}")
            message = f"A {name} file is for one environment; add {PLACEHOLDER} to its name: --out {name}:{better}"
            raise click.UsageError(message)


def _token(where: Common) -> object:
    return "" if (where.endpoint or "").startswith(EMULATOR) else where.token_env


def _question(due: Mapping[str, Plan]) -> str:
    changes = Counter({name: len(plan.work) for name, plan in due.items()})
    destroying = sum(plan.destructive for plan in due.values())
    each_of = ", ".join(
        f"{visible(name)} ({changes[name]}, {'account not yet known' if plan.uid is None else f'account {plan.uid}'})"
        for name, plan in due.items()
    )
    of_these = f" {counted(destroying, 'environment')} of them would lose buckets." if destroying else ""
    return f"Apply {counted(changes.total(), 'change')} to {counted(len(due), 'environment')}: {each_of}?{of_these}"
