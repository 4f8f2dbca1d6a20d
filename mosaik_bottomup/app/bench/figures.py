"""All figures of a benchmark, taken one after the other."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mosaik_bottomup.app.bench import bare, growth, sample, throughput, year
from mosaik_bottomup.app.bench.machine import provenance
from mosaik_bottomup.app.bench.process import asked, medians, timed
from mosaik_bottomup.app.bench.sample import Sample
from mosaik_bottomup.scenario import Scenario

IMPORTS = (
    "import mosaik_bottomup.app.cli, mosaik_bottomup.app.world, "
    "mosaik_bottomup.metrics, mosaik_bottomup.app.show"
)
"""All that ``mosaik-bottomup run`` imports."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured besides the scenario itself."""

    fleets: Sequence[Scenario] = ()
    """One of each size."""
    week: bool = False
    """Whether a year is reckoned from a week, too."""
    year: bool = False
    """Whether a year is run."""
    sweep: tuple[int, float] | None = None
    """Runs, and the hours of each."""


def take(scenario: Scenario, runs: int, extent: Extent) -> dict[str, Any]:
    """Measure a scenario so many times, and return the medians.

    Parameters
    ----------
    scenario
        Of two steps or more.
    runs
        Each is four processes: the imports alone, the whole command, one that looks at
        the parts and at the empty wiring, one that calls the bare libraries.
    extent
        What is measured once.

    Raises
    ------
    subprocess.CalledProcessError
        If a process fails.
    """
    text = scenario.to_toml()
    came_from = provenance()
    imports, commands, samples, besides = [], [], [], []
    for _ in range(runs):
        imports.append(asdict(timed(["-c", IMPORTS])))
        commands.append(asdict(year.commanded(scenario)))
        samples.append(Sample(**asked(sample.__name__, text)[1]))
        besides.append(asked(bare.__name__, text)[1])
    figures = came_from | {
        "runs": runs,
        "imports": medians(imports),
        "command": medians(commands),
        "parts": medians([asdict(each) for each in samples]),
        "bare": medians(besides),
        "ratios": medians(
            [
                {
                    "process": command["cpu_s"] / (start["cpu_s"] + each.empty_run_s),
                    "whole": each.whole_ratio,
                    "steps": each.steps_ratio,
                }
                | {name: found["ratio"] for name, found in beside.items()}
                for start, command, each, beside in zip(
                    imports, commands, samples, besides, strict=True
                )
            ]
        ),
    }
    return figures | _beyond(scenario, extent, figures)


def _beyond(
    scenario: Scenario, extent: Extent, figures: dict[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {"year": _years(scenario, extent, figures)}
    if extent.fleets:
        fleets = {
            growth.sites_of(fleet): growth.measured(fleet) for fleet in extent.fleets
        }
        found["fleets"] = {str(sites): fleet for sites, fleet in fleets.items()}
        if len(fleets) > 1:
            found["slopes"] = growth.slopes(fleets)
    if extent.sweep is not None:
        found["sweep"] = throughput.throughput(scenario, *extent.sweep)
    return found


def _years(
    scenario: Scenario, extent: Extent, figures: dict[str, Any]
) -> dict[str, Any]:
    steps_s, duration_h = figures["parts"]["steps_s"], scenario.run.duration_h
    outside_s = figures["command"]["cpu_s"] - steps_s
    from_run_s = year.extrapolated_s(outside_s, steps_s, duration_h)
    years: dict[str, Any] = {f"from_{duration_h:g}_h": {"cpu_s": from_run_s}}
    if extent.week:
        years[f"from_{year.WEEK_H:g}_h"] = year.from_week(scenario)
    if extent.year:
        years["run"] = year.run(scenario)
    return years
