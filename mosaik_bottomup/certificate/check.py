"""One line of the certificate, and how it names what was worst."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.results import Results

LOCAL_ZONE = ZoneInfo("Europe/Copenhagen")
"""Times are told as on the clock where the areas are."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the certificate."""

    passed: bool
    figure: float
    """What was checked, in the unit the text names."""
    text: str
    """The figure, with its element and local time, for a person."""


def worst(badness: NDArray[np.generic]) -> tuple[int, int]:
    """Return entity and step of the largest value, the first of equals."""
    row, step = np.unravel_index(int(np.argmax(badness)), badness.shape)
    return int(row), int(step)


def where(results: Results, group: str, row: int, step: int) -> str:
    """Return which entity and when, in local time."""
    moment = datetime.fromtimestamp(int(results.time_s[step]), UTC)
    local = moment.astimezone(LOCAL_ZONE)
    return f"{results.entities[group][row]}, {local:%Y-%m-%d %H:%M}"


def beyond(value: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return how far values lie outside [low, high], never negative."""
    return np.maximum(np.maximum(low - value, value - high), 0.0)


def nothing_beyond(
    results: Results, group: str, excess: FloatArray, tolerance: float, what: str
) -> Check:
    """Check that no excess, shape (entity, time), is above its tolerance."""
    row, step = worst(excess)
    figure = float(excess[row, step])
    text = f"{figure:.2g} {what}"
    if figure > tolerance:
        text += f", {where(results, group, row, step)}"
    return Check(figure <= tolerance, figure, text)
