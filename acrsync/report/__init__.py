"""What people and programs see of a plan and of an apply: text out, nothing printed. One format, one module."""

from collections.abc import Callable, Mapping
from importlib import import_module

from acrsync.plan import Plan
from acrsync.report.annotations import code_quality_text, github_text
from acrsync.report.digest import digest
from acrsync.report.document import plan_document
from acrsync.report.messages import diagnostics_text
from acrsync.report.result import outcome_line, result_text
from acrsync.report.run import Run
from acrsync.report.style import COLOURED, PLAIN, Style
from acrsync.report.text import plan_text

__all__ = [
    "COLOURED",
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
        rendered: str = getattr(import_module(f"acrsync.report.{module}"), function)(plan, run)
        return rendered

    return text


# What a whole run looks like, by the name of the format. A new format is one module and one line here.
FORMATS: Mapping[str, Callable[[Plan | None, Run], str]] = {
    "json": _from("document", "json_text"),
    "text": run_text,
    "markdown": _from("markdown", "markdown_text"),
    "html": _from("html", "html_text"),
    "gitlab": _from("gitlab", "gitlab_text"),
    "terraform-json": _from("terraform", "terraform_text"),
}
