"""What people and programs see of a plan and of an apply: text out, nothing printed. One format, one module."""

from collections.abc import Callable, Mapping

from acrsync.plan import Plan
from acrsync.report.annotations import code_quality_text, github_text
from acrsync.report.digest import digest
from acrsync.report.document import json_text, plan_document
from acrsync.report.gitlab import gitlab_text
from acrsync.report.markdown import markdown_text
from acrsync.report.messages import diagnostics_text
from acrsync.report.result import outcome_line, result_text
from acrsync.report.run import Run
from acrsync.report.saved import SavedPlan, load_plan
from acrsync.report.style import COLOURED, PLAIN, Style
from acrsync.report.terraform import terraform_text
from acrsync.report.text import plan_text

__all__ = [
    "COLOURED",
    "FORMATS",
    "PLAIN",
    "Run",
    "SavedPlan",
    "Style",
    "code_quality_text",
    "diagnostics_text",
    "digest",
    "github_text",
    "load_plan",
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


def html_text(plan: Plan | None, run: Run) -> str:
    """Return a run as a page. Loaded when it is asked for: the library's table of entities takes 5 ms."""
    from acrsync.report.html import html_text as text

    return text(plan, run)


# What a whole run looks like, by the name of the format. A new format is one module and one line here.
FORMATS: Mapping[str, Callable[[Plan | None, Run], str]] = {
    "json": json_text,
    "text": run_text,
    "markdown": markdown_text,
    "html": html_text,
    "gitlab": gitlab_text,
    "terraform-json": terraform_text,
}
