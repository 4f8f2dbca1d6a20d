"""What a benchmark found, as tables a person can read."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

PERCENT = 100.0
NOTE = (
    "Medians of {runs} runs, each in processes of its own; the parts are measured in "
    "other ones than the whole command. Seconds are of processor time if not called "
    "wall; wall time moves with whatever else the machine does (load before: "
    "{load:.1f}), processor time less, and ratios, both times of one process, least."
)


def lines(figures: Mapping[str, Any]) -> Iterator[Table | Text]:
    """Yield what to print, one after the other.

    Parameters
    ----------
    figures
        As `mosaik_bottomup.app.bench.take` returns them.
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
    load = machine["load_before"]
    yield Text(NOTE.format(runs=figures["runs"], load=load), style="dim")


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
    table = _table("one step", "rehearsal, first [ms]", "%", "ordinary, mean [ms]", "%")
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


def _table(title: str, *headings: str) -> Table:
    table = Table(header_style="bold")
    table.add_column(title, min_width=28)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
