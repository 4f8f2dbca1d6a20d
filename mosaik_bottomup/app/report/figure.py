"""A figure of the page: data for plotly, and the words that stand in for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mosaik_bottomup.app.report.style import look
from mosaik_bottomup.results import Results

type Json = dict[str, Any]

MARGIN_PX = {"l": 46, "r": 10, "t": 26, "b": 46}
GAP_PX = 44
"""Between two panels: ticks of one, title of the next."""
DECIMALS = 4
SECONDS_PER_DAY = 86400


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend; its button hides what belongs to the group."""

    group: str
    label: str
    colour: str
    dash: str = "solid"
    width: float = 2.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One picture.

    ``traces`` and ``layout`` are plotly's; texts beginning with ``--`` in them are
    colours by the name of a CSS custom property.
    """

    name: str
    """Unique on the page; letters, digits, hyphens."""
    title: str
    says: str
    """What the picture says in figures, for those who cannot see it."""
    caption: str
    """How to read it."""
    traces: list[Json]
    layout: Json
    height_px: int
    keys: tuple[Key, ...] = field(default=())

    def data(self) -> Json:
        """Return what the script draws."""
        return {"traces": self.traces, "layout": self.layout, "height": self.height_px}


def panels(
    titles: Sequence[str], panel_px: int, x_title: str, **x_axis: Any
) -> tuple[Json, int]:
    """Lay panels below each other on one horizontal axis.

    The title of a panel stands above it, with its unit, instead of beside its axis: on
    a phone there is no room beside.

    Parameters
    ----------
    titles
        One per panel, each ending with the unit in brackets.
    panel_px
        Height of a panel.
    x_title
        With its unit.
    x_axis
        More of the horizontal axis.

    Returns
    -------
    layout, height_px
        The panels' vertical axes are ``y``, ``y2``, ... from the top.
    """
    count = len(titles)
    inner_px = count * panel_px + (count - 1) * GAP_PX
    layout: Json = {
        "margin": MARGIN_PX,
        "xaxis": {
            "title": {"text": x_title},
            "anchor": axis("y", count - 1),
            **x_axis,
        },
        "annotations": [],
    }
    for row, title in enumerate(titles):
        top = 1 - row * (panel_px + GAP_PX) / inner_px
        layout[f"yaxis{row + 1 if row else ''}"] = {
            "domain": [max(top - panel_px / inner_px, 0), top],
            "anchor": "x",
        }
        layout["annotations"].append(
            {
                "text": title,
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": top,
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "align": "left",
            }
        )
    return layout, inner_px + MARGIN_PX["t"] + MARGIN_PX["b"]


def axis(letter: str, row: int) -> str:
    """Return plotly's name of the axis of a panel, counted from 0."""
    return f"{letter}{row + 1 if row else ''}"


def strategy_line(
    strategy: str, x: Any, y: ArrayLike, row: int, unit: str, **more: Any
) -> Json:
    """Return a line over time in the strategy's colours: means over steps."""
    drawn = look(strategy)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": strategy,
        "legendgroup": strategy,
        "x": x,
        "y": numbers(y),
        "yaxis": axis("y", row),
        "line": {
            "color": drawn.colour,
            "dash": drawn.dash,
            "width": drawn.width,
            "shape": "hv",
        },
        "hovertemplate": f"%{{y:.2f}} {unit}",
        **more,
    }


def strategy_keys(strategies: Iterable[str]) -> tuple[Key, ...]:
    """Return the legend of strategies."""
    return tuple(
        Key(name, name, look(name).colour, look(name).dash, look(name).width)
        for name in strategies
    )


def numbers(values: ArrayLike, decimals: int = DECIMALS) -> list[Any]:
    """Return values as JSON can say them: rounded, None where there is none."""
    rounded = np.round(np.asarray(values, dtype=np.float64), decimals)
    return [each if np.isfinite(each) else None for each in rounded.tolist()]


def local_times(results: Results, zone: timezone) -> list[str]:
    """Return the start of each step on the clock of the scenario."""
    return [
        datetime.fromtimestamp(int(second), zone).strftime("%Y-%m-%dT%H:%M:%S")
        for second in results.time_s
    ]


def time_axis(results: Results, zone: timezone) -> tuple[str, Json]:
    """Return title and settings of an axis of the whole run's time."""
    first = int(results.time_s[0])
    last = first + results.steps * results.step_s
    ends = [
        datetime.fromtimestamp(second, zone).strftime("%Y-%m-%dT%H:%M:%S")
        for second in (first, last)
    ]
    one_day = results.steps * results.step_s <= SECONDS_PER_DAY
    day = datetime.fromtimestamp(first, zone).strftime("%-d %B")
    title = f"time of {day}" if one_day else "time"
    settings: Json = {"type": "date", "range": ends}
    if one_day:
        settings["tickformat"] = "%H:%M"
    return f"{title} [h:min, {offset_name(zone)}]", settings


def offset_name(zone: timezone) -> str:
    """Return a zone's distance from UTC, as in ``UTC+01:00``."""
    offset = zone.utcoffset(None)
    sign = "-" if offset < timedelta(0) else "+"
    minutes = int(abs(offset).total_seconds()) // 60
    return f"UTC{sign}{minutes // 60:02d}:{minutes % 60:02d}"
