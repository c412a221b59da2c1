"""The benchmark's own arithmetic and writing. What it measures is asserted nowhere."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import plot, writing
from bench.goals import GOALS, Verdict, verdicts
from bench.measuring import Case, Figure, Sample, WrongEnd, figure, in_turns, measured

HERE = Path(__file__).parent


def command(name: str, code: str, *, rounds: int = 1, exit_code: int = 0) -> Case:
    return Case(name, [sys.executable, "-S", "-c", code], rounds, HERE, exit_code=exit_code)


def test_a_figure_is_the_median_with_its_range() -> None:
    samples = [Sample(3.0, 30), Sample(1.0, 10), Sample(10.0, 20)]
    assert figure(samples) == Figure(3.0, 1.0, 10.0, 20, rounds=3)


def test_cases_run_in_turn_each_as_often_as_it_sets() -> None:
    cases = [command("a", "", rounds=3), command("b", "", rounds=1), command("c", "", rounds=2)]
    assert [case.name for case in in_turns(cases)] == ["a", "b", "c", "a", "c", "a"]
    assert list(in_turns([])) == []


def test_a_command_with_an_unexpected_exit_code_gives_no_figure() -> None:
    with pytest.raises(WrongEnd, match="broken ended with 3:\nwhy"):
        measured([command("broken", "import sys; sys.stderr.write('why'); sys.exit(3)")], tell=lambda _: None)


def test_an_expected_exit_code_and_the_parts_of_a_command_are_counted() -> None:
    case = command("a", "raise SystemExit(2)", exit_code=2)
    with_parts = Case(case.name, case.command, 1, HERE, exit_code=2, after=lambda: {"half": 0.5})
    figures = measured([with_parts], tell=lambda _: None)
    assert figures["a: half"].seconds == 0.5
    assert figures["a"].seconds > 0


def test_memory_below_that_of_the_benchmark_itself_is_not_claimed() -> None:
    small = measured([command("small", "pass")], tell=lambda _: None)["small"]
    own_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    large = measured([command("large", f"x = b'1' * {own_bytes + 10**8}")], tell=lambda _: None)["large"]
    assert small.peak_mib == 0
    assert large.peak_mib > (own_bytes + 10**8) / 2**20


def test_a_goal_without_figures_is_skipped() -> None:
    figures = {"--version": Figure(0.06, 0, 0, 0, 1), "empty Python": Figure(0.02, 0, 0, 0, 1)}
    (verdict,) = verdicts(figures)
    assert verdict.goal is GOALS[0]
    assert verdict.value == pytest.approx(3)
    assert verdict.met


def test_a_missed_goal_stands_out_in_the_table() -> None:
    text = writing.goals_table([Verdict(GOALS[0], 5.01), Verdict(GOALS[0], 5.0)])
    assert [line.rpartition("x |")[2] for line in text.splitlines()[2:]] == [" **no** |", " yes |"]


def test_a_table_replaces_only_the_text_between_its_markers() -> None:
    page = "a\n<!-- bench:x -->\nold\n<!-- /bench -->\nb\n<!-- bench:y -->\n<!-- /bench -->\n"
    expected = page.replace("old\n", "| \\1 |\n")
    assert writing.put(page, "x", "| \\1 |\n") == expected
    assert writing.put(expected, "x", "old\n") == page
    with pytest.raises(KeyError):
        writing.put(page, "z", "")


def test_published_figures_are_marked() -> None:
    figures = {"ours": Figure(0.25, 0.2, 0.31, 40, 3), "theirs": Figure(46, 46, 46, 0, 0)}
    assert writing.figures_table(figures, ["ours", "theirs", "unknown"]).splitlines()[2:] == [
        "| ours | 250 ms | 200 ms to 310 ms | 40 MiB |",
        "| theirs | 46.0 s | published |  |",
    ]


@pytest.mark.parametrize(
    ("value", "text", "reason"),
    [
        (21.4, "21.4 s", "seconds"),
        (0.0123, "12.3 ms", "less than a second"),
        (0.0000015, "1.50 µs", "one bucket"),
        (123.0, "123 s", "no dot at the end"),
        (-0.002, "-2.00 ms", "a rest that noise made negative"),
    ],
)
def test_a_time_has_a_suitable_unit(value: float, text: str, reason: str) -> None:
    assert writing.seconds(value) == text, reason


def test_slices_add_up_to_the_whole_and_small_ones_are_put_together() -> None:
    parts = {"slice 10": 1.0, "slice 10: import": 0.6, "slice 10: guards": 0.01, "empty Python": 0.1}
    figures = {name: Figure(seconds, 0, 0, 0, 1) for name, seconds in parts.items()}
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in writing.slices_table(figures, 10).splitlines()]
    assert rows[2:] == [
        ["start Python", "100 ms", "10%"],
        ["import", "600 ms", "60%"],
        ["everything else, and leaving", "300 ms", "30%"],
    ]


def test_two_versions_are_compared_by_name() -> None:
    figures = {name: Figure(seconds, 0, 0, 0, 1) for name, seconds in (("a", 1.0), ("a (base)", 2.0), ("b", 1.0))}
    assert writing.comparison_table(figures, " (base)").splitlines()[2:] == ["| a | 2.00 s | 1.00 s | 0.50 x |"]


def test_a_plot_is_well_formed_and_names_every_line() -> None:
    text = plot.svg("Cost & size", "s", {"a < b": {10: 0.2, 10_000: 2.5}, "c": {100: 0.4}, "nothing": {}})
    root = ElementTree.fromstring(text)
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert {"Cost & size", "a < b", "c", "10 000"} <= set(texts)
    assert "nothing" not in texts
    assert all(0 <= float(dot.attrib["cy"]) <= plot.HEIGHT for dot in root.iter() if dot.tag.endswith("circle"))
