"""Deliverable flexibility as one picture: up and down by hour and duration."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from mosaik_bottomup.app.flexibility.tables import by_minutes
from mosaik_bottomup.app.flexibility.work import Hour
from mosaik_bottomup.reserve.offers import SIGN
from mosaik_bottomup.reserve.products import DURATIONS_MIN

FILE = "flexibility.svg"
SIZE_INCHES = (7.2, 3.8)
COLOURS = dict(zip(DURATIONS_MIN, ("#56b4e9", "#0072b2", "#003d66"), strict=True))
"""The longer, the darker."""


def write_picture(
    file: Path, hours: Sequence[Hour], step_min: float, first_hour: int
) -> None:
    """Draw what is offered: less consumption above the axis, more below it.

    Parameters
    ----------
    file
        Its ending says the format, such as ``.svg`` or ``.png``.
    hours
        What was found.
    step_min
        Length of a step.
    first_hour
        Hour of the day at which the run begins.
    """
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    begins = [first_hour + hour.hour for hour in hours]
    for minutes in DURATIONS_MIN:
        for direction, sign in SIGN.items():
            offered = [by_minutes(hour, step_min) for hour in hours]
            known = [
                (at, -sign * it[direction, minutes].total_kw)
                for at, it in zip(begins, offered, strict=True)
                if (direction, minutes) in it
            ]
            axes.bar(
                [at + 0.5 for at, _ in known],
                [power for _, power in known],
                width=0.9,
                color=COLOURS[minutes],
                label=f"held {minutes} min" if direction == "up" else None,
            )
    axes.axhline(0, color="#444444", linewidth=0.8)
    axes.set_xlabel("begin of the activation, hour of the day")
    axes.set_ylabel("on offer [kW]\ndown: more load     up: less load")
    axes.set_xticks([at for at in begins if at % 3 == 0], minor=False)
    axes.grid(axis="y", alpha=0.25)
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    dateless = {"Date": None} if file.suffix == ".svg" else None
    # no random names, so that the same offers make the same file; and text stays text
    with rc_context({"svg.hashsalt": FILE, "svg.fonttype": "none"}):
        figure.savefig(file, metadata=dateless)
