"""What a benchmark found, as tables a person can read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mosaik_bottomup.app.bench.comparison import Compared

PERCENT = 100.0
S_PER_H = 3600.0
NOTE = (
    "Medians (runs: {runs}), each run in processes of its own; fleets, sweep and year "
    "are run once. The parts are measured in other processes than the whole command. "
    "Seconds are of processor time if not called wall; wall time moves with whatever "
    "else the machine does (load before: {load:.1f}), processor time less, and ratios, "
    "both times of one process, least."
)


def lines(figures: Mapping[str, Any]) -> Iterator[Table | Text]:
    """Yield what to print, one after the other.

    Parameters
    ----------
    figures
        As `mosaik_bottomup.app.bench.figures.take` returns them.
    """
    machine, versions = figures["machine"], figures["versions"]
    own = versions["version_mosaik_bottomup"]
    others = ", ".join(
        f"{name.removeprefix('version_').replace('_', '-')} {version}"
        for name, version in versions.items()
        if version is not own
    )
    yield Text(
        f"mosaik-bottomup {own}, commit {figures['commit'] or 'unknown'}, "
        f"{figures['created_utc']}\n"
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}\n"
        f"Python {machine['python']}, {others}\n"
    )
    yield _command(figures)
    yield _steps(figures["parts"])
    yield _ratios(figures)
    yield _bare(figures["bare"])
    if "fleets" in figures:
        yield _fleets(figures["fleets"], figures.get("slopes", {}))
    yield _years(figures["year"])
    if "sweep" in figures:
        yield _sweep(figures["sweep"])
    load = machine["load_before"]
    yield Text(NOTE.format(runs=figures["runs"], load=load), style="dim")


def comparison(baseline: Mapping[str, Any], figures: Sequence[Compared]) -> Table:
    """Return a table of figures beside those of a baseline.

    Parameters
    ----------
    baseline
        All its figures, for where they come from.
    figures
        Those to show.
    """
    table = _table("beside the baseline", "baseline", "now", "now / baseline")
    table.caption = (
        f"baseline: commit {baseline['commit'] or 'unknown'}, "
        f"{baseline['machine']['processor']}, {baseline['created_utc']}"
    )
    for each in figures:
        table.add_row(
            each.name,
            "" if each.baseline is None else f"{each.baseline:.4g}",
            f"{each.now:.4g}",
            "" if each.ratio is None else f"{each.ratio:.2f}",
        )
    return table


def _command(figures: Mapping[str, Any]) -> Table:
    command, parts = figures["command"], figures["parts"]
    table = _table("whole command", "s", "%")
    rows = {
        "start of Python, imports": figures["imports"]["cpu_s"],
        **parts["outside_steps_s"],
        "steps": parts["steps_s"],
    }
    rows["scenario, summary, difference"] = command["cpu_s"] - sum(rows.values())
    for name, seconds in rows.items():
        share = PERCENT * seconds / command["cpu_s"]
        table.add_row(name, f"{seconds:.2f}", f"{share:.0f}")
    table.add_section()
    table.add_row("whole command", f"{command['cpu_s']:.2f}", "100", style="bold")
    table.add_row("wall time", f"{command['wall_s']:.2f}")
    table.add_row("peak memory [MB]", f"{command['peak_mb']:.0f}")
    return table


def _steps(parts: Mapping[str, Any]) -> Table:
    first, ordinary = parts["first_step_ms"], parts["ordinary_step_ms"]
    first_ms, ordinary_ms = sum(first.values()), sum(ordinary.values())
    table = _table("one step", "rehearsing [ms]", "%", "ordinary, mean [ms]", "%")
    for part in sorted(ordinary, key=lambda part: -ordinary[part]):
        table.add_row(
            part,
            f"{first[part]:.1f}",
            f"{PERCENT * first[part] / first_ms:.0f}",
            f"{ordinary[part]:.2f}",
            f"{PERCENT * ordinary[part] / ordinary_ms:.0f}",
        )
    table.add_section()
    table.add_row(
        "sum", f"{first_ms:.0f}", "100", f"{ordinary_ms:.1f}", "100", style="bold"
    )
    table.add_row("median", "", "", f"{parts['step_median_ms']:.1f}")
    table.add_row("longest (plans anew)", "", "", f"{parts['step_max_ms']:.1f}")
    return table


def _ratios(figures: Mapping[str, Any]) -> Table:
    parts, ratios = figures["parts"], figures["ratios"]
    table = _table("same wiring", "run [s]", "empty simulators [s]", "run / empty")
    command_s = figures["command"]["cpu_s"]
    empty_s = figures["imports"]["cpu_s"] + parts["empty_run_s"]
    table.add_row(
        "whole command",
        f"{command_s:.2f}",
        f"{empty_s:.2f}",
        f"{ratios['process']:.1f}",
    )
    for name, key in (("whole, without imports", "whole"), ("steps only", "steps")):
        part = "run" if key == "whole" else "steps"
        table.add_row(
            name,
            f"{parts[f'{part}_s']:.2f}",
            f"{parts[f'empty_{part}_s']:.2f}",
            f"{ratios[key]:.1f}",
        )
    table.add_row("calls of step", *2 * [f"{parts['exchanges']:.0f}"])
    return table


def _bare(figures: Mapping[str, Any]) -> Table:
    table = _table("bare library", "ours [ms]", "bare [ms]", "ours / bare")
    names = {"stage_two": "stage 2 / HiGHS", "power_flow": "power flow / p.-g.-model"}
    for key, beside in figures.items():
        ours, bare = f"{beside['ours_ms']:.2f}", f"{beside['bare_ms']:.2f}"
        table.add_row(names[key], ours, bare, f"{beside['ratio']:.1f}")
    return table


def _fleets(fleets: Mapping[str, Any], slopes: Mapping[str, float]) -> Table:
    table = _table(
        "fleet, sites",
        "first step [s]",
        "step [s]",
        "per site [µs]",
        "peak [MB]",
    )
    for sites, fleet in fleets.items():
        table.add_row(
            f"{int(sites):,}",
            f"{fleet['first_step_s']:.2f}",
            f"{fleet['step_s']:.3f}",
            f"{fleet['per_site_and_step_us']:.1f}",
            f"{fleet['peak_mb']:.0f}",
        )
    if slopes:
        table.add_section()
        first, step = (f"{slopes[name]:.2f}" for name in ("first_step_s", "step_s"))
        table.add_row("slope, log over log", first, step)
    return table


def _years(years: Mapping[str, Any]) -> Table:
    table = _table("a year", "cpu [h]", "wall [h]", "peak memory [MB]")
    for name, year in years.items():
        wall_s, peak_mb = year.get("wall_s"), year.get("peak_mb")
        table.add_row(
            name.replace("_", " "),
            f"{year['cpu_s'] / S_PER_H:.2f}",
            "" if wall_s is None else f"{wall_s / S_PER_H:.2f}",
            "" if peak_mb is None else f"{peak_mb:.0f}",
        )
    return table


def _sweep(sweep: Mapping[str, float]) -> Table:
    table = _table("sweep", "1 worker", "2 workers", "2 / 1")
    one, two, ratio = sweep.values()
    table.add_row("runs per minute", f"{one:.1f}", f"{two:.1f}", f"{ratio:.2f}")
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(header_style="bold")
    table.add_column(title, min_width=28)
    for heading in headings:
        table.add_column(escape(heading), justify="right")
    return table
