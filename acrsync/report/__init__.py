"""What people and programs see of a plan and of an apply: text out, nothing printed. One format, one module."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from acrsync.plan.document import Plan, digest, plan_document
from acrsync.plan.fleet import Part
from acrsync.plan.outcome import Run
from acrsync.report.annotations import code_quality_text, github_text
from acrsync.report.messages import diagnostics_text
from acrsync.report.result import outcome_line, result_text
from acrsync.report.style import COLOURED, PLAIN, Style
from acrsync.report.text import plan_text

__all__ = [
    "COLOURED",
    "FLEET",
    "FORMATS",
    "PLAIN",
    "Run",
    "Style",
    "code_quality_text",
    "diagnostics_text",
    "digest",
    "github_text",
    "outcome_line",
    "plan_document",
    "plan_text",
    "result_text",
]


def run_text(plan: Plan | None, run: Run) -> str:
    """Return everything there is to say of a run, without colour."""
    parts = [plan_text(plan, style=PLAIN)] if plan else []
    if plan and run.outcomes is not None:
        parts.append(result_text(plan, run, style=PLAIN))
    else:
        parts.append(diagnostics_text(run.diagnostics, style=PLAIN))
    return "\n".join(part for part in parts if part)


def _from(module: str, function: str) -> Callable[[Plan | None, Run], str]:
    """Return a format that is loaded when it is first asked for: most runs show text only, and start-up counts."""

    def text(plan: Plan | None, run: Run) -> str:
        rendered: str = getattr(import_module(f"acrsync.{module}"), function)(plan, run)
        return rendered

    return text


def _of_all(function: str) -> Callable[[Sequence[Part]], str]:
    def text(parts: Sequence[Part]) -> str:
        rendered: str = getattr(import_module("acrsync.report.fleet"), function)(parts)
        return rendered

    return text


# The same of several environments, the worst first. The others hold one plan a file, as those who read them expect.
FLEET: Mapping[str, Callable[[Sequence[Part]], str]] = {
    "json": _of_all("json_text"),
    "text": _of_all("fleet_text"),
    "markdown": _of_all("markdown_text"),
    "html": _of_all("html_text"),
    "gitlab": _of_all("gitlab_text"),
}

# What a whole run looks like, by the name of the format. A new format is one module and one line here.
FORMATS: Mapping[str, Callable[[Plan | None, Run], str]] = {
    "json": _from("plan.document", "json_text"),
    "text": run_text,
    "markdown": _from("report.markdown", "markdown_text"),
    "html": _from("report.html", "html_text"),
    "gitlab": _from("report.gitlab", "gitlab_text"),
    "terraform-json": _from("report.terraform", "terraform_text"),
}
