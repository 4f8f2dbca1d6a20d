"""What is varied: a key of the scenario, and the values it takes along its axis."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from pydantic import BaseModel, Field

from mosaik_bottomup.scenario import Scenario
from mosaik_bottomup.scenario.values import Section

MOST_LEVELS = 10_000
"""More along one axis is taken for a slip of the hand."""

type Value = Any
"""Whatever TOML can say: a number, a string, a list of them."""


class Steps(Section):
    """Evenly spaced values: ``{start, stop, num}``, in equal ratios with ``log``."""

    start: float
    """First value."""
    stop: float
    """Last value."""
    num: int = Field(ge=1, le=MOST_LEVELS)
    """How many there are, both ends included."""
    log: bool = False
    """Whether neighbours have equal ratios, not equal distances."""


class Span(Section):
    """A range that samples are drawn from: ``{low, high}``, with ``log`` by ratios."""

    low: float
    """Lowest value."""
    high: float
    """Highest value."""
    log: bool = False
    """Whether each factor is as likely as the next, not each distance."""


@dataclass(frozen=True, slots=True)
class Levels:
    """An axis of so many values."""

    key: str
    values: tuple[Value, ...]

    def at(self, place: float) -> Value:
        """Return the value at a place from 0 (the first) to 1 (the last)."""
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]


@dataclass(frozen=True, slots=True)
class Range:
    """An axis of all values between two, or of all whole numbers."""

    key: str
    low: float
    high: float
    log: bool
    whole: bool

    def at(self, place: float) -> Value:
        """Return the value at a place from 0 (the lowest) to 1 (the highest)."""
        high = self.high + 1 if self.whole else self.high
        if self.log:
            value = self.low * (high / self.low) ** place
        else:
            value = self.low + place * (high - self.low)
        if self.whole:  # each number reaches to the next
            return min(math.floor(value), int(self.high))
        return min(max(value, self.low), self.high)  # rounding may pass an edge


type Axis = Levels | Range


def levels(key: str, steps: Steps) -> Levels:
    """Return an axis of evenly spaced values, whole ones for a whole-numbered key.

    The ends are as they were written, whatever rounding does between them.
    """
    space = np.geomspace if steps.log else np.linspace
    values = space(steps.start, steps.stop, steps.num).tolist()
    values[0] = steps.start
    if steps.num > 1:
        values[-1] = steps.stop
    return Levels(key, tuple(map(round, values) if is_whole(key) else values))


def steps_problems(key: str, steps: Steps) -> Iterator[tuple[str, str]]:
    """Yield parts of `Steps` that are wrong, and what would be right."""
    if steps.log and not steps.start * steps.stop > 0:
        yield "log", "needs start and stop of the same sign, neither of them 0"
    elif steps.start == steps.stop and steps.num > 1:
        yield "num", "must be 1 where start and stop are the same"
    elif len({*levels(key, steps).values}) < steps.num:
        yield "num", "has whole numbers twice: take fewer, or a wider range"
    yield from _whole_ends(key, ("start", steps.start), ("stop", steps.stop))


def span_problems(key: str, span: Span) -> Iterator[tuple[str, str]]:
    """Yield parts of `Span` that are wrong, and what would be right."""
    if not span.low < span.high:
        yield "high", f"must be more than low = {span.low:g}"
    elif span.log and not span.low > 0:
        yield "low", "must be more than 0 with log = true"
    yield from _whole_ends(key, ("low", span.low), ("high", span.high))


def _whole_ends(key: str, *ends: tuple[str, float]) -> Iterator[tuple[str, str]]:
    for name, value in ends:
        if is_whole(key) and value != round(value):
            yield name, f"must be a whole number, as {key} is"


def is_whole(key: str) -> bool:
    """Return whether a key ``section.key`` of the scenario takes whole numbers only."""
    section, _, name = key.partition(".")
    found = Scenario.model_fields.get(section)
    model = found.annotation if found else None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return False
    field = model.model_fields.get(name)
    kind: Any = field.annotation if field else None
    kind = getattr(kind, "__value__", kind)
    return kind is int or (get_args(kind) or (None,))[0] is int
