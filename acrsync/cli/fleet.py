"""Several environments in one run: all are planned and shown, asked about once, and applied; one report of all."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

import click

from acrsync import ExitCode, Plan
from acrsync.apply.attempt import Seen
from acrsync.apply.fleet import APPLIES, PLANS, each, held_back, turns
from acrsync.cli import ci, output
from acrsync.cli.endpoint import EMULATOR, opened
from acrsync.cli.environments import PLACE, Target, file_for
from acrsync.cli.options import Applying, Common, Planning
from acrsync.cli.planning import facts, loop_for, style_for
from acrsync.diagnostics import error
from acrsync.plan.fleet import Part, worst
from acrsync.plan.outcome import WORST_FIRST, End, Outcome, Run, exit_code
from acrsync.report import FLEET, FORMATS, PLAIN, outcome_line
from acrsync.report.fleet import fleet_text
from acrsync.report.style import counted
from acrsync.runs.memory import Known
from acrsync.visible import visible


def plan(targets: Sequence[Target], where: Common, asked: Planning) -> ExitCode:
    """Plan and show every environment; return the exit code of the worst one."""
    _refuse_shared_files(asked)
    parts = _report(_planned(targets, asked, saved={}, read_only=True), where, asked)
    return worst(parts)


def apply(
    targets: Sequence[Target],
    where: Common,
    asked: Planning,
    how: Applying,
    *,
    saved: Mapping[str, Plan],
    ask: Callable[[str], bool] | None,
) -> ExitCode:
    """Plan and show every environment, ask once, apply what can be applied; return the exit code of the worst one.

    `saved` are plans that were made before, by environment. What fails in one environment stops no other.
    """
    from acrsync.cli.interrupt import in_two_stages

    _refuse_shared_files(asked)
    planned = _planned(targets, asked, saved=saved, read_only=False)
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
    text = fleet_text([*planned.values()], style=style_for(where.color) if asked.format == "text" else PLAIN)
    with ci.section("acrsync_plan", "acrsync plan"):
        if asked.format == "text":
            output.answer(text)
        elif ask is not None:
            output.say(text)
    if due and ask is not None and not ask(_question(due)):
        # The answer took long: what is planned by now must still be what was shown.
        again = _planned([to_apply[name][0] for name in due], asked, saved=saved, read_only=False)
        due_now = {name: part.plan.digest if part.plan else None for name, part in again.items()}
        if any(due_now[name] != plan.digest for name, plan in due.items()):
            return worst(_report(planned | {name: _moved_on(part) for name, part in again.items()}, where, asked))
    _save(planned.values(), asked)
    stop = threading.Event()
    with ExitStack() as to_the_end, ci.section("acrsync_apply", "acrsync apply"):
        if due:
            to_the_end.enter_context(in_two_stages(stop))

        def task(target: Target, plan: Plan) -> Callable[[], Part]:
            return lambda: _guarded(
                target,
                lambda: _applied(
                    target,
                    asked,
                    how,
                    plan,
                    saved=saved.get(target.name),
                    agreed=ask is not None,
                    stop=stop,
                ),
                before=planned[target.name],
                stop=stop,
            )

        groups = turns({name: plan for name, (_, plan) in to_apply.items()}, tokens)
        done = each({name: task(*one) for name, one in to_apply.items()}, at_once=APPLIES, turns=groups)
        parts = _report(planned | done, where, asked, last=True, writes_files=False)
    return worst(parts)


def _planned(
    targets: Sequence[Target], asked: Planning, *, saved: Mapping[str, Plan], read_only: bool
) -> dict[str, Part]:
    """Return the plan of each environment, or why there is none. Sends nothing but GET."""

    def planned(target: Target) -> Part:
        with opened(target.where, read_only=True) as account:
            manifest = target.manifest
            loop = loop_for(account, target.where, asked, uid=manifest.account_uid, runs=manifest.runs)
            made = saved.get(target.name)
            plan = (loop.look_for(made) if made else loop.look(manifest, hints=target.hints)).plan
            code = plan.exit_code(detailed=asked.detailed_exitcode and read_only)
            return Part(target.name, plan, facts(code, account))

    def task(target: Target) -> Callable[[], Part]:
        return lambda: _guarded(target, lambda: planned(target))

    return each({target.name: task(target) for target in targets}, at_once=PLANS)


def _guarded(
    target: Target, work: Callable[[], Part], *, before: Part | None = None, stop: threading.Event | None = None
) -> Part:
    """Return what the work returns, or what went wrong with it: that concerns this environment only."""
    from acrsync.cli.trouble import ended_by

    if stop is not None and stop.is_set():
        detail = "Nothing was written to this environment."
        run = Run(output.now(), ExitCode.INTERRUPTED, diagnostics=(error("E001", detail),))
        return Part(target.name, before.plan if before else None, run)
    try:
        return work()
    except BaseException as e:  # noqa: BLE001 - the handler of one environment, as `cli` has one for a whole run
        said, code = ended_by(e)
        run = Run(output.now(), code, diagnostics=said, outcomes=() if before else None)
        return Part(target.name, before.plan if before else None, run)


def _applied(
    target: Target,
    asked: Planning,
    how: Applying,
    shown: Plan,
    *,
    saved: Plan | None,
    agreed: bool,
    stop: threading.Event,
) -> Part:
    """Apply one environment. If a person agreed to a plan, no other one is applied."""
    manifest, name = target.manifest, target.name
    with opened(target.where, read_only=False, cancel=stop) as account:
        loop = loop_for(
            account,
            target.where,
            asked,
            uid=saved.uid if saved else manifest.account_uid,
            runs=manifest.runs,
            how=how,
            stop=stop,
        )
        loop.tell = lambda text: output.say(f"{name}: {text}")
        total = len(shown.work)

        def look(known: Known) -> Seen:
            return loop.look_for(saved, known=known) if saved else loop.look(manifest, known=known, hints=target.hints)

        def agree(seen: Seen) -> None:
            nonlocal total
            if seen.plan.digest != shown.digest:
                if agreed or not shown.can_apply:
                    raise _MovedOn(seen.plan)
                output.say(f"{name}: the account has changed meanwhile, and this is another plan than was shown.")
            total = len(seen.plan.work)

        def told(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
            for number, outcome in enumerate(outcomes, start=1):
                output.say(f"{name} [{number}/{total}] {outcome_line(outcome, style=PLAIN)}")
                yield outcome

        try:
            result = loop.reconcile(look, agree=agree, shown=told)
        except _MovedOn as e:
            return _moved_on(Part(name, e.plan, facts(ExitCode.STALE, account)))
        run = replace(
            facts(result.exit_code, account, result.diagnostics), outcomes=result.outcomes, verified=result.verified
        )
        return Part(name, result.plan, run)


class _MovedOn(Exception):
    """Another plan is due than the one that was agreed to."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


def _moved_on(part: Part) -> Part:
    detail = "Planning again gives another plan than the one that was shown. Nothing was written."
    said = error("E009", detail, fix="run apply again.")
    code = min(exit_code(End(moved_on=True)), part.run.exit_code, key=WORST_FIRST.index)
    return replace(part, run=replace(part.run, exit_code=code, diagnostics=(*part.run.diagnostics, said)))


def _report(
    found: Mapping[str, Part], where: Common, asked: Planning, *, last: bool = False, writes_files: bool = True
) -> list[Part]:
    """Write the files that were asked for, then the report to stdout and to the pipeline."""
    parts = [*found.values()]
    if writes_files:
        _save(parts, asked)
    as_text = asked.format == "text"
    text = fleet_text(parts, style=style_for(where.color), seen=last) if as_text else FLEET["json"](parts)
    (output.last_answer if last else output.answer)(f"\n{text}" if last and as_text else text)
    ci.report_all(parts)
    return parts


def _save(parts: Iterable[Part], asked: Planning) -> None:
    parts = [*parts]
    for name, path in asked.out:
        if PLACE in str(path):
            for part in parts:
                output.save(file_for(path, part.name), FORMATS[name](part.plan, part.run))
        else:
            output.save(path, FLEET[name](parts))


def _refuse_shared_files(asked: Planning) -> None:
    for name, path in asked.out:
        if name in ("json", "terraform-json") and PLACE not in str(path):
            better = path.with_name(f"{path.stem}-{PLACE}{path.suffix}")
            message = f"A file holds one environment as {name}; write {PLACE} into its name: --out {name}:{better}"
            raise click.UsageError(message)


def _token(where: Common) -> object:
    return "" if (where.endpoint or "").startswith(EMULATOR) else where.token_env


def _question(due: Mapping[str, Plan]) -> str:
    changes = Counter({name: len(plan.work) for name, plan in due.items()})
    destroying = sum(plan.destructive for plan in due.values())
    each_of = ", ".join(
        f"{visible(name)} ({changes[name]}, {'account not known' if plan.uid is None else f'account {plan.uid}'})"
        for name, plan in due.items()
    )
    of_these = f" {counted(destroying, 'environment')} of them would lose buckets." if destroying else ""
    return f"Apply {counted(changes.total(), 'change')} to {counted(len(due), 'environment')}: {each_of}?{of_these}"
