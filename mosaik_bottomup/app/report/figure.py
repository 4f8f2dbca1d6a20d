"""A figure of the page: data for plotly, and the words that stand in for it."""

from collections.abc import Sequence
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
    filled: bool = False
    """Whether it stands for an area instead of a line."""


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


def line(key: Key, x: list[Any], y: list[Any], row: int, hover: str) -> Json:
    """Return a line of steps in a panel, drawn as its key says."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": key.label,
        "legendgroup": key.group,
        "x": x,
        "y": y,
        "yaxis": axis("y", row),
        "line": {
            "color": key.colour,
            "dash": key.dash,
            "width": key.width,
            "shape": "hv",
        },
        "hovertemplate": hover,
    }


def line_over_time(
    key: Key, results: Results, clock: timezone, series: ArrayLike, row: int, unit: str
) -> Json:
    """Return a line of means over steps, the last one held to its end.

    Parameters
    ----------
    series
        One value per step written, shape (time,).
    unit
        For what is shown at the pointer, with a format: ``.1f kW``.
    """
    values = numbers(series)
    form, _, name = unit.partition(" ")
    return line(
        key,
        local_times(results, clock, end=True),
        [*values, values[-1]],
        row,
        f"%{{y:{form}}} {name}",
    )


def strategy_key(strategy: str, label: str = "") -> Key:
    """Return the entry of a strategy."""
    drawn = look(strategy)
    return Key(strategy, label or strategy, drawn.colour, drawn.dash, drawn.width)


def numbers(values: ArrayLike, decimals: int = DECIMALS) -> list[Any]:
    """Return values as JSON can say them: rounded, None where there is none."""
    rounded = np.round(np.asarray(values, dtype=np.float64), decimals)
    return [each if np.isfinite(each) else None for each in rounded.tolist()]


def local_times(results: Results, zone: timezone, end: bool = False) -> list[str]:
    """Return the start of each step on the scenario's clock, and the last one's end."""
    seconds = results.time_s.tolist()
    if end:
        seconds.append(seconds[-1] + results.step_s)
    return [
        datetime.fromtimestamp(second, zone).strftime("%Y-%m-%dT%H:%M:%S")
        for second in seconds
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
