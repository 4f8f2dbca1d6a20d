"""Where every home's temperature is within its comfort band, over time."""

import numpy as np

from mosaik_bottomup.app.report.figure import (
    Figure,
    Json,
    axis,
    local_times,
    numbers,
    panels,
    time_axis,
)
from mosaik_bottomup.app.report.runs import Run, zone
from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.metrics import comfort_violation_kh
from mosaik_bottomup.results import Results

PANEL_PX = 210
OUTSIDE = 0.25
"""How far beyond the band the colours reach, as a share of the band."""


def place_in_band(results: Results) -> FloatArray:
    """Return ``(Ti − low) / (high − low)``, shape (home, time)."""
    home = results.static["heat_pumps"]
    low_c, high_c = home["comfort_low_c"][:, None], home["comfort_high_c"][:, None]
    place: FloatArray = (results.series("heat_pumps", "air_c") - low_c) / (
        high_c - low_c
    )
    return place


def homes(runs: list[Run]) -> Figure | None:
    """Draw a heat map per run; None where no home has a heat pump."""
    runs = [run for run in runs if "heat_pumps" in run.results.entities]
    if not runs:
        return None
    first = runs[-1].results
    clock = zone(first)
    x_title, x_axis = time_axis(first, clock)
    layout, height = panels(
        [f"{run.label}: home [number]" for run in runs], PANEL_PX, x_title, **x_axis
    )
    # one order for all panels: the homes of one area together, the coolest first
    order = np.lexsort(
        (place_in_band(first).mean(1), first.static["heat_pumps"]["area"])
    )
    traces: list[Json] = []
    says = []
    for row, run in enumerate(runs):
        place = place_in_band(run.results)[order]
        traces.append(
            {
                "type": "heatmap",
                "name": run.label,
                "x": local_times(run.results, clock),
                "y": list(range(1, len(place) + 1)),
                "z": [numbers(of_home, 3) for of_home in place],
                "yaxis": axis("y", row),
                "coloraxis": "coloraxis",
                "hovertemplate": "home %{y}, %{x|%H:%M}: %{z:.2f} of the band"
                "<extra></extra>",
            }
        )
        outside_kh = float(comfort_violation_kh(run.results).sum())
        says.append(
            f"{run.label}: between {place.min():.2f} and {place.max():.2f} of the "
            f"band, {place.mean():.2f} on average, {outside_kh:.3f} K h of violation"
        )
    layout["coloraxis"] = {
        "cmin": -OUTSIDE,
        "cmax": 1 + OUTSIDE,
        "autocolorscale": False,
        "colorscale": _scale(),
        "colorbar": {
            "orientation": "h",
            "thickness": 10,
            "title": {
                "text": "place in the comfort band [0 lower, 1 upper edge]",
                "side": "top",
            },
            "tickvals": [0, 0.5, 1],
            "outlinewidth": 1,
        },
    }
    layout["hovermode"] = "closest"
    layout["colorbar_px"] = 64
    return Figure(
        "homes",
        "Homes' temperatures within their comfort bands",
        "; ".join(says) + ".",
        "One row per home with a heat pump, the homes of one area together, the cooler "
        "ones at the bottom, the same order in every panel. Magenta is below the band, "
        "the colour of the page above it. A home that the weather alone makes too warm "
        "is no violation.",
        traces,
        layout,
        height,
    )


def _scale() -> list[list[object]]:
    """Return colours with an edge where the band has one."""
    span = 1 + 2 * OUTSIDE
    low, high = OUTSIDE / span, (1 + OUTSIDE) / span
    inside = ["--band-0", "--band-1", "--band-2", "--band-3", "--band-4"]
    steps = np.linspace(low, high, len(inside)).tolist()
    return [
        [0.0, "--below-band"],
        [low, "--below-band"],
        *([at, colour] for at, colour in zip(steps, inside, strict=True)),
        [high, "--above-band"],
        [1.0, "--above-band"],
    ]
