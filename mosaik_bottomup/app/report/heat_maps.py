"""A metric over the first two axes of a sweep, a panel for each strategy."""

import numpy as np
import pandas as pd

from mosaik_bottomup.app.report.figure import Figure, Json, axis, numbers, panels
from mosaik_bottomup.app.report.sweep_points import shown_metrics, titled
from mosaik_bottomup.app.sweep.table import About

PANEL_PX = 260
GRID = "grid"
MEANT_FOR_TWO = "A map needs two axes, and a metric that is not the same everywhere."


def heat_maps(about: About, points: pd.DataFrame) -> list[Figure]:
    """Draw each main metric over the two first axes that vary; none of one axis.

    Of a grid each cell is the mean over what else varies; samples are dots where they
    were drawn.
    """
    axes = [key for key in about.axes if points[key].nunique() > 1][:2]
    if len(axes) < 2:
        return []
    return [_map(about, points, axes, name) for name in shown_metrics(points)]


def _map(about: About, points: pd.DataFrame, axes: list[str], metric: str) -> Figure:
    across, up = axes
    strategies = list(points["strategy"].unique())
    titles = [f"{name}: {up} upward" for name in strategies]
    layout, height = panels(titles, PANEL_PX, across)
    draw = _cells if about.method == GRID else _dots
    traces = [
        draw(points[points["strategy"] == name], axes, metric, name, row)
        for row, name in enumerate(strategies)
    ]
    if about.method == GRID:
        layout["xaxis"] |= {"type": "category"}
        for row in range(len(strategies)):
            layout[axis("yaxis", row)] |= {"type": "category"}
        layout["margin"] = {**layout["margin"], "l": 86}
    layout["coloraxis"] = {
        "autocolorscale": False,
        "colorscale": [[number / 4, f"--volt-{number}"] for number in range(5)],
        "colorbar": {
            "orientation": "h",
            "thickness": 10,
            "title": {"text": titled(metric), "side": "top"},
            "outlinewidth": 0,
            "nticks": 4,
        },
    }
    layout |= {"colorbar_px": 64, "hovermode": "closest"}
    said = "; ".join(
        f"{name}: {mine.min():.4g} to {mine.max():.4g}"
        for name in strategies
        for mine in [points.loc[points["strategy"] == name, metric]]
    )
    others = [key for key in about.axes if key not in axes]
    over = f" and over {', '.join(others)}" if others and about.method == GRID else ""
    return Figure(
        f"map-{metric.replace('_', '-')}",
        f"{titled(metric)} over {across} and {up}",
        f"{titled(metric)}: {said}.",
        f"Mean over the seeds{over}. To the right {across}, upward {up}.",
        traces,
        layout,
        height,
    )


def _cells(
    points: pd.DataFrame, axes: list[str], metric: str, strategy: str, row: int
) -> Json:
    across, up = (list(dict.fromkeys(points[key])) for key in axes)
    means = points.groupby(axes, sort=False)[metric].mean()
    known = means.to_dict()
    values = np.array([[known.get((x, y), np.nan) for x in across] for y in up])
    return {
        "type": "heatmap",
        "name": strategy,
        "x": [str(each) for each in across],
        "y": [str(each) for each in up],
        "z": [numbers(line) for line in values],
        "yaxis": axis("y", row),
        "coloraxis": "coloraxis",
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "%{x}, %{y}: %{z:.5g}<extra></extra>",
    }


def _dots(
    points: pd.DataFrame, axes: list[str], metric: str, strategy: str, row: int
) -> Json:
    x, y = (points[key].tolist() for key in axes)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": strategy,
        "x": x,
        "y": y,
        "yaxis": axis("y", row),
        "marker": {
            "size": 9,
            "color": numbers(points[metric]),
            "coloraxis": "coloraxis",
            "line": {"width": 0.5, "color": "--ink"},
        },
        "hovertemplate": "%{x}, %{y}: %{marker.color:.5g}<extra></extra>",
    }
