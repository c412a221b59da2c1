"""Reports on a plan or an apply, for people and programs. Each format is one module, which returns text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from acrsync.plan.document import Plan, plan_document
from acrsync.plan.outcome import Run
from acrsync.report.messages import diagnostics_text
from acrsync.report.style import COLOURED, PLAIN, Style
from acrsync.report.text import plan_text

if TYPE_CHECKING:
    from acrsync.plan.fleet import Part

__all__ = [
    "COLOURED",
    "FLEET",
    "FORMATS",
    "PLAIN",
    "Run",
    "Style",
    "diagnostics_text",
    "plan_document",
    "plan_text",
]


def run_text(plan: Plan | None, run: Run) -> str:
    """Return the whole report of a run, without color."""
    parts = [plan_text(plan, style=PLAIN)] if plan else []
    if plan and run.outcomes is not None:
        from acrsync.report.result import result_text

        parts.append(result_text(plan, run, style=PLAIN))
    else:
        parts.append(diagnostics_text(run.diagnostics, style=PLAIN))
    return "\n".join(part for part in parts if part)


def _from(module: str, function: str) -> Callable[..., str]:
    """Return a format that is imported when it is first used: most runs only show text, and start-up time matters."""

    def text(*of: object) -> str:
        rendered: str = getattr(import_module(f"acrsync.{module}"), function)(*of)
        return rendered

    return text


# The report of several environments, the worst first. The other formats have one plan in each file.
FLEET: Mapping[str, Callable[[Sequence[Part]], str]] = {
    "json": _from("report.fleet", "json_text"),
    "text": _from("report.fleet", "fleet_text"),
    "markdown": _from("report.fleet", "markdown_text"),
    "html": _from("report.fleet", "html_text"),
    "gitlab": _from("report.fleet", "gitlab_text"),
}

# The report of one run, by the name of the format. A new format is one module and one line here.
FORMATS: Mapping[str, Callable[[Plan | None, Run], str]] = {
    "json": _from("plan.document", "json_text"),
    "text": run_text,
    "markdown": _from("report.markdown", "markdown_text"),
    "html": _from("report.html", "html_text"),
    "gitlab": _from("report.gitlab", "gitlab_text"),
    "terraform-json": _from("report.terraform", "terraform_text"),
}
