"""Where the numbers come from: input, what of it is synthetic, versions, commands."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mosaik_bottomup import __version__
from mosaik_bottomup.app.report.runs import Evidence, settings, zone
from mosaik_bottomup.app.report.wording import number
from mosaik_bottomup.results import Results
from mosaik_bottomup.scenario import Tariff

PREFIX = "version_"
SIMBENCH_HOMES = "SimBench household profiles H0-B, C, G and L"


def facts(evidence: Evidence) -> list[tuple[str, str]]:
    """Return what went in, name and words."""
    results = evidence.main.results
    scenario = settings(results)
    grid, sites = scenario["grid"], scenario["sites"]
    areas = ", ".join(f"{name} = {code}" for name, code in grid["areas"].items())
    own = grid.get("file")
    of = f"zones of {Path(own).name}" if own else "SimBench grids"
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
            f"{of} {areas}, transformers of "
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
    households = scenario["households"].get("file")
    return [
        _weather(scenario["weather"]),
        _retail_prices(scenario["prices"], scenario["tariff"]),
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
        _forecasts(scenario["forecast"]["error_scale"]),
        "Sites that plan by price take the first of several steps that cost the same "
        f"(within {scenario['planning']['indifference_dkk_per_kwh']:g} DKK/kWh). So "
        "they herd, under price-only, too: price-only-spread has such ties spread, "
        "lower peaks and the same cost.",
    ]


def _forecasts(error_scale: float) -> str:
    if not error_scale:
        return (
            "Forecasts are perfect: all parties plan with the weather and load to come."
        )
    return (
        "Forecasts of weather, load and unpublished prices are wrong, by errors drawn "
        f"from the seed ({number(error_scale, 'g')} times the stated deviations)."
    )


def _weather(weather: Mapping[str, Any]) -> str:
    source = (
        f"the file {Path(weather['file']).name}"
        if weather.get("file")
        else f"test reference year of the German weather service, region "
        f"{weather['region']} (DWD/BBSR TRY 2010)"
    )
    shift_k = weather.get("offset_k", 0.0)
    if shift_k:
        return f"Weather: {source}, temperatures shifted by {number(shift_k, '+g')} K."
    return f"Weather is real: {source}."


def _retail_prices(prices: Mapping[str, Any], tariff: Mapping[str, Any]) -> str:
    if file := prices.get("file"):
        market = f"Retail prices are those of the file {Path(file).name}"
    else:
        residuals = (
            "with residuals of the same statistics, one draw for all seeds"
            if prices["residual_seed"]
            else "without residuals, so that they are smoother than real ones"
        )
        market = (
            "Retail prices are partly synthetic: the day-ahead price is a regression "
            "on Danish (DK1) prices of 2024, driven by the scenario's weather, "
            f"{residuals}"
        )
    if Tariff.model_validate(tariff) == Tariff():
        return f"{market}; grid tariffs (N1, 2024) and taxes are real."
    return f"{market}; grid tariffs and taxes are the scenario's own."


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
