"""What congestion costs, in the step itself and as known before it."""

import numpy as np

from mosaik_bottomup.app.report.figure import (
    Figure,
    Key,
    line_over_time,
    panels,
    time_axis,
)
from mosaik_bottomup.app.report.runs import Run, zone
from mosaik_bottomup.app.report.wording import number
from mosaik_bottomup.arrays import FloatArray

PANEL_PX = 170
RETAIL = Key("retail", "retail price", "--price-only", "solid", 1.4)
LINES = (
    (
        "congestion_price",
        Key("stage-2", "congestion price, stage 2", "--two-stage", "solid", 2.2),
    ),
    (
        "look_ahead_price",
        Key("look-ahead", "known before, look-ahead", "--plan", "dash", 1.6),
    ),
)


def prices(run: Run) -> Figure | None:
    """Draw retail price and congestion prices; None where nobody published any."""
    results = run.results
    areas = results.entities["areas"]
    found = {
        key: results.series("areas", variable)
        for variable, key in LINES
        if np.isfinite(results.series("areas", variable)).any()
    }
    if not found:
        return None
    clock = zone(results)
    x_title, x_axis = time_axis(results, clock)
    titles = [f"area {area}: congestion price [DKK/kWh]" for area in areas]
    titles.append("retail price of a kilowatt-hour bought [DKK/kWh]")
    layout, height = panels(titles, PANEL_PX, x_title, **x_axis)
    retail = results.series("market", "import_price")
    unit = ".3f DKK/kWh"
    traces = [line_over_time(RETAIL, results, clock, retail, len(areas), unit)]
    traces += [
        line_over_time(key, results, clock, price[row], row, unit)
        for key, price in found.items()
        for row in range(len(areas))
    ]
    layout["hovermode"] = "x unified"
    for row in range(len(titles)):
        layout[f"yaxis{row + 1 if row else ''}"]["rangemode"] = "tozero"
    highest = ", ".join(
        f"{key.label} up to "
        + " and ".join(
            f"{number(_extreme(price[row]), '.2f')} DKK/kWh in {area}"
            for row, area in enumerate(areas)
        )
        for key, price in found.items()
    )
    return Figure(
        "prices",
        f"Prices under {run.label}",
        f"{highest}; retail price {retail.min():.2f} to {retail.max():.2f} DKK/kWh.",
        "The stage 2 price is the dual of the area limit: what a kilowatt-hour less "
        "would have saved, negative where feed-in is bounded. The look-ahead price "
        "reaches the sites before the step, and is what their plans count with. "
        "Customers are billed neither.",
        traces,
        layout,
        height,
        (*found, RETAIL),
    )


def _extreme(price: FloatArray) -> float:
    """Return the price furthest from none; it is negative where feed-in is bounded."""
    known = price[np.isfinite(price)]
    return float(known[np.argmax(np.abs(known))]) if known.size else 0.0
