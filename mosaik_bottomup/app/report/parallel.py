"""Every point of a sweep as a line across its axes and what came of them."""

import numpy as np
import pandas as pd

from mosaik_bottomup.app.report.figure import (
    Figure,
    Json,
    numbers,
    panels,
    strategy_key,
)
from mosaik_bottomup.app.report.style import look
from mosaik_bottomup.app.report.sweep_points import positions, shown_metrics, titled
from mosaik_bottomup.app.sweep.table import About

PANEL_PX = 360
ROOM_PX = 60
"""Below the panel, for the names of the axes."""
FAINT, CLEAR = 0.25, 0.8
"""Opacity of lines where there are many, and where there are few."""
MANY = 60


def parallel(about: About, points: pd.DataFrame) -> Figure:
    """Draw parallel coordinates: a line per point and strategy.

    Parameters
    ----------
    points
        From `sweep_points.at_points`.
    """
    metrics = shown_metrics(points)
    names = [*about.axes, *metrics]
    placed = {name: positions(points[name]) for name in names}
    places = np.array([place for place, _ in placed.values()])
    layout, height = panels(["each from its lowest to its highest value"], PANEL_PX, "")
    labels = [
        f"{place + 1}: {titled(name) if name in metrics else name}"
        for place, name in enumerate(names)
    ]
    layout["margin"] = {**layout["margin"], "b": 46 + ROOM_PX}
    layout["xaxis"] |= {
        "tickvals": list(range(len(names))),
        "ticktext": [
            f"{place + 1}<br>{low}<br>to {high}"
            for place, (_, (low, high)) in enumerate(placed.values())
        ],
        "range": [-0.2, len(names) - 0.8],
    }
    layout["yaxis"] |= {"range": [-0.04, 1.04], "showticklabels": False}
    layout["hovermode"] = "closest"
    strategies = list(points["strategy"].unique())
    said = "; ".join(
        f"{label}, from {low} to {high}"
        for label, (_, (low, high)) in zip(labels, placed.values(), strict=True)
    )
    return Figure(
        "parallel",
        "Every point, and what came of it",
        f"{said}.",
        f"A line for each point and strategy, mean over the seeds. {'; '.join(labels)}."
        " The figures below are each axis's lowest and highest value.",
        [_lines(points, places, labels, name) for name in strategies],
        layout,
        height + ROOM_PX,
        tuple(map(strategy_key, strategies)),
    )


def _lines(
    points: pd.DataFrame, places: np.ndarray, labels: list[str], strategy: str
) -> Json:
    """Return all lines of a strategy as one, with gaps between them."""
    mine = (points["strategy"] == strategy).to_numpy()
    count = int(mine.sum())
    gaps = np.full((count, 1), np.nan)
    across = np.broadcast_to(np.arange(len(labels), dtype=float), (count, len(labels)))
    drawn = look(strategy)
    told = [f"{strategy}, point {number}" for number in points["point"][mine]]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": strategy,
        "legendgroup": strategy,
        "x": numbers(np.hstack([across, gaps]).ravel()),
        "y": numbers(np.hstack([places[:, mine].T, gaps]).ravel()),
        "connectgaps": False,
        "opacity": FAINT if count > MANY else CLEAR,
        "line": {"color": drawn.colour, "dash": drawn.dash, "width": 1.2},
        "text": [each for line in told for each in [line] * (len(labels) + 1)],
        "hovertemplate": "%{text}<extra></extra>",
    }
