"""Where the numbers come from: input, what of it is synthetic, versions, commands."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from mosaik_bottomup import __version__
from mosaik_bottomup.app.report.runs import Evidence, settings, zone
from mosaik_bottomup.results import Results

PREFIX = "version_"
SIMBENCH_HOMES = "SimBench household profiles H0-B, C, G and L"


def facts(evidence: Evidence) -> list[tuple[str, str]]:
    """Return what went in, name and words."""
    results = evidence.main.results
    scenario = settings(results)
    grid, sites = scenario["grid"], scenario["sites"]
    areas = ", ".join(f"{name} = {code}" for name, code in grid["areas"].items())
    seeds = sorted({run.seed for run in evidence.runs})
    clock = zone(results)
    start = scenario["run"]["start"].astimezone(clock)
    return [
        ("scenario", str(results.attrs["scenario_name"])),
        (
            "time",
            f"{start:%-d %B %Y %H:%M} (weather and load of that day of the year), "
            f"{results.steps} steps of {results.step_s} s",
        ),
        (
            "network",
            f"SimBench grids {areas}, transformers of "
            f"{_list(results.static['areas']['rating'].tolist())} kVA",
        ),
        (
            "homes",
            f"{len(results.entities.get('households', ()))}, of these "
            f"{sites['heat_pumps']} with a heat pump and {sites['pv_batteries']} with "
            "PV and a battery",
        ),
        ("aggregators", str(len(results.entities.get("aggregators", ())))),
        ("seeds", f"{_list(seeds)}; pictures of one day show {evidence.shown_seed}"),
        ("outdoor temperature", _span(results, "ambient", "°C", 1)),
        ("retail price", _span(results, "import_price", "DKK/kWh", 2)),
    ]


def synthetic(results: Results) -> list[str]:
    """Return what is real, what is made up, and what is known to be simplified."""
    scenario = settings(results)
    weather = scenario["weather"].get("file")
    prices = scenario["prices"].get("file")
    households = scenario["households"].get("file")
    return [
        "Weather is real: "
        + (
            f"the file {Path(weather).name}."
            if weather
            else f"test reference year of the German weather service, region "
            f"{scenario['weather']['region']} (DWD/BBSR TRY 2010)."
        ),
        "Retail prices are "
        + (
            f"those of the file {Path(prices).name}"
            if prices
            else "partly synthetic: the day-ahead price is a regression on Danish "
            "(DK1) prices of 2024, driven by the scenario's weather, with residuals "
            "of the same statistics, one draw for all seeds"
        )
        + "; grid tariffs (N1, 2024) and taxes are real.",
        "Loads of homes: "
        + (
            f"the file {Path(households).name}."
            if households
            else f"{SIMBENCH_HOMES} are real; how these four become many homes, "
            "differing in size and time, is drawn from the seed."
        ),
        "Networks are SimBench's, derived from real grids by their authors. Their "
        "shops, farms and own heat pumps are left out.",
        "Which homes have which device, its size, and the houses' physics are drawn "
        "from the seed; no measured home is behind them.",
        "Forecasts are perfect: all parties plan with the weather and load to come.",
    ]


def versions(results: Results) -> list[tuple[str, str]]:
    """Return the packages that shape the numbers, with their versions."""
    return [
        (name.removeprefix(PREFIX).replace("_", "-"), str(value))
        for name, value in sorted(results.attrs.items())
        if name.startswith(PREFIX)
    ]


def commands(evidence: Evidence, paths: Sequence[Path], out: Path) -> list[str]:
    """Return what makes the runs and the page again."""
    made = list(evidence.commands)
    results = evidence.main.results
    if not made:
        made = [
            f"mosaik-bottomup run scenario.toml "
            f"--seed {results.attrs['seed']} --strategy {results.attrs['strategy']}"
        ]
    report = ["mosaik-bottomup", "report", *map(str, paths), "--out", str(out)]
    return [*made, shlex.join(report)]


def made_with() -> str:
    """Return the version that made the page."""
    return f"mosaik-bottomup {__version__}"


def _span(results: Results, variable: str, unit: str, decimals: int) -> str:
    series = results.series("market", variable)
    low, mean, high = series.min(), series.mean(), series.max()
    return (
        f"{low:.{decimals}f} to {high:.{decimals}f}, mean {mean:.{decimals}f} {unit}"
    ).replace("-", "\N{MINUS SIGN}")


def _list(things: Sequence[float]) -> str:
    return ", ".join(f"{thing:g}" for thing in things)
