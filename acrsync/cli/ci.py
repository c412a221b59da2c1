"""Additional output for pipelines: GitHub annotations, outputs and a summary; collapsible GitLab sections.

It goes to stderr or to the files of the runner, never to stdout. An error here does not fail a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from acrsync.cli import environment as variable
from acrsync.cli import output
from acrsync.diagnostics import Diagnostic
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Run

if TYPE_CHECKING:
    from acrsync.plan.fleet import Part


def report(plan: Plan | None, run: Run, *, environment: str = "") -> None:
    """Report a run to GitHub, if it is a GitHub job. `environment`: of the run, if it has no plan."""
    if variable("GITHUB_ACTIONS") is None:
        return
    from acrsync.plan.fleet import Part
    from acrsync.report import FORMATS

    _annotate(Part((plan.manifest.environment if plan else environment) or "", plan, run))
    _publish(_outputs(plan, run), FORMATS["markdown"](plan, run))


def report_all(parts: Sequence[Part]) -> None:
    """Report a run of several environments to GitHub. The digest of each plan is in its own report."""
    if variable("GITHUB_ACTIONS") is None:
        return
    from acrsync.plan.fleet import worst
    from acrsync.report import FLEET

    for part in parts:
        _annotate(part)
    plans = [part.plan for part in parts if part.plan is not None]
    found = {"exit_code": str(int(worst(parts)))}
    if len(plans) == len(parts) or any(plan.work for plan in plans):
        found["has_changes"] = _word(any(plan.work for plan in plans))
    if len(plans) == len(parts) or any(plan.destructive for plan in plans):
        found["has_deletes"] = _word(any(plan.destructive for plan in plans))
    _publish(found, FLEET["markdown"](parts))


def _annotate(part: Part) -> None:
    from acrsync.report.annotations import github_text

    plan, run = part.plan, part.run
    messages = [*plan.diagnostics, *(objection.diagnostic for objection in plan.objections)] if plan else []
    messages += [*run.diagnostics, *(o.diagnostic for o in run.outcomes or () if o.diagnostic)]
    if messages:
        output.say(github_text(relative_to_checkout(messages), environment=part.name).rstrip("\n"))


def _outputs(plan: Plan | None, run: Run) -> dict[str, str]:
    """Return the outputs for later steps. Without a plan it is unknown whether there are changes."""
    found = {"exit_code": str(int(run.exit_code))}
    if plan is not None:
        found |= {"has_changes": _word(plan.work), "has_deletes": _word(plan.destructive), "digest": plan.digest}
    return found


def _word(claim: object) -> str:
    return "true" if claim else "false"


def _publish(outputs: Mapping[str, str], summary: str) -> None:
    _append("GITHUB_OUTPUT", "".join(f"{key}={value}\n" for key, value in outputs.items()))
    _append("GITHUB_STEP_SUMMARY", summary)


def _append(name: str, text: str) -> None:
    path = variable(name)
    if path is None:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        output.say(f"warning: {name} cannot be written: {error.strerror}.")


def relative_to_checkout(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Return messages with paths relative to the checkout, if the pipeline sets its folder."""
    top = variable("GITHUB_WORKSPACE") or variable("CI_PROJECT_DIR")
    return [_relative(Path(top).resolve(), diagnostic) for diagnostic in diagnostics] if top else diagnostics


def _relative(top: Path, diagnostic: Diagnostic) -> Diagnostic:
    span = diagnostic.span
    if span is None or not (path := Path(span.file).resolve()).is_relative_to(top):
        return diagnostic
    return replace(diagnostic, span=replace(span, file=path.relative_to(top).as_posix()))


@contextmanager
def section(name: str, title: str) -> Iterator[None]:
    """Make the output of the block a collapsible section in a GitLab log.

    Source: docs.gitlab.com, "Custom collapsible sections".
    """
    if variable("GITLAB_CI") is None:
        yield
        return
    output.say(f"\x1b[0Ksection_start:{_second()}:{name}\r\x1b[0K{title}")
    try:
        yield
    finally:
        output.say(f"\x1b[0Ksection_end:{_second()}:{name}\r\x1b[0K")


def _second() -> int:
    return int(output.now().timestamp())
