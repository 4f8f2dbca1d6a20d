"""Orders of the transmission system operator: read from CSV, and made activations.

The file has the columns ``product``, ``aggregator``, ``area`` (empty: the whole
portfolio), ``delta_kw`` (consumption positive: up-regulation is less consumption and
negative), ``start`` (ISO 8601 with the offset from UTC), ``ramp_min`` and either
``duration_min`` or ``end``.
"""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.messages import Activation

SECONDS_PER_MINUTE = 60.0
WHOLE_STEP_TOLERANCE = 1e-6
"""Of a step; forgives minutes such as 100/3 that are written as decimals."""
NEEDED = ("product", "aggregator", "area", "delta_kw", "start", "ramp_min")
LENGTHS = ("duration_min", "end")
EXAMPLE = "2016-01-04T13:00+01:00"

type Fault = tuple[str, object, str]
"""Column, value and remedy."""


@dataclass(frozen=True, slots=True)
class Order:
    """One activation, as its user writes it."""

    product: str
    aggregator: str
    area: str
    """Empty: the whole portfolio."""
    delta_kw: float
    start: datetime
    ramp_min: float
    duration_min: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The run that orders must fit into."""

    aggregators: tuple[str, ...]
    areas: tuple[str, ...]
    start: datetime
    step_s: int
    steps: int

    def steps_until(self, time: datetime) -> float:
        """Return the steps, whole or not, from the start of the run to a time."""
        return (time - self.start).total_seconds() / self.step_s


def faults(order: Order, frame: Frame) -> Iterator[Fault]:
    """Say why an order does not fit a run: column, value and what would."""
    if not order.product:
        yield "product", order.product, "name the product, such as mFRR"
    if order.aggregator not in frame.aggregators:
        known = ", ".join(frame.aggregators)
        yield "aggregator", order.aggregator, f"must be one of {known}"
    if order.area and order.area not in frame.areas:
        known = ", ".join(frame.areas)
        yield "area", order.area, f"must be one of {known}, or empty for all areas"
    if not (math.isfinite(order.delta_kw) and order.delta_kw):
        remedy = "must be a number: below 0 less consumption, above 0 more"
        yield "delta_kw", order.delta_kw, remedy
    first = frame.steps_until(order.start)
    length = order.duration_min * SECONDS_PER_MINUTE / frame.step_s
    if not _is_whole(first):
        yield "start", order.start, f"must lie on a whole step of {frame.step_s} s"
    elif not 0 <= round(first) < frame.steps:
        yield "start", order.start, "must be within the run"
    elif math.isfinite(length) and first + length > frame.steps + WHOLE_STEP_TOLERANCE:
        remedy = "must end before the run does: start earlier, or run longer"
        yield "duration_min", order.duration_min, remedy
    if not (length > 0 and math.isfinite(length) and _is_whole(length)):
        step_min = frame.step_s / SECONDS_PER_MINUTE
        remedy = f"must be whole steps of {step_min:g} min"
        yield "duration_min", order.duration_min, remedy
    if not 0 <= order.ramp_min <= order.duration_min:
        yield "ramp_min", order.ramp_min, "must be from 0 to the whole duration"


def activation(order: Order, number: int, frame: Frame) -> Activation:
    """Return the message an order makes; it must have no faults.

    Parameters
    ----------
    order, frame
        What is ordered, and in which run.
    number
        Counts the orders of the run, from 1.
    """
    first = round(frame.steps_until(order.start))
    steps_per_min = SECONDS_PER_MINUTE / frame.step_s
    return Activation(
        identifier=f"{order.product}-{number}",
        product=order.product,
        area=frame.areas.index(order.area) if order.area else None,
        delta_kw=order.delta_kw,
        start=first,
        ramp_steps=order.ramp_min * steps_per_min,
        end=first + round(order.duration_min * steps_per_min),
    )


def read_csv(path: Path, frame: Frame) -> list[Order]:
    """Return the orders of a file.

    Raises
    ------
    InputError
        With everything that is wrong with the file.
    """

    def problem(key: str, value: object, remedy: str) -> Problem:
        return Problem(str(path), key, str(value), remedy)

    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            columns = [name.strip() for name in table.fieldnames or ()]
            table.fieldnames = columns
            rows = [(table.line_num, row) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        remedy = "give a readable CSV file with one header line"
        raise InputError([problem("file", error, remedy)]) from error
    lacking = [name for name in NEEDED if name not in columns]
    found = [problem(name, "no such column", "add it") for name in lacking]
    if sum(name in columns for name in LENGTHS) != 1:
        there = ", ".join(columns)
        remedy = "have one column duration_min, or one column end"
        found.append(problem("duration_min", there, remedy))
    orders = []
    for line, row in [] if found else rows:
        order, wrong = _read(row)
        for column, value, remedy in wrong or faults(order, frame):
            at = "end" if column == "duration_min" and "end" in row else column
            found.append(problem(at, f"{value} (line {line})", remedy))
        orders.append(order)
    if found:
        raise InputError(found)
    return orders


def _read(row: Mapping[str, str | None]) -> tuple[Order, list[Fault]]:
    """Return a line's order, of use only if there are no faults with it."""
    wrong: list[Fault] = []
    text = {name: (row.get(name) or "").strip() for name in (*NEEDED, *LENGTHS)}

    def number(column: str) -> float:
        try:
            return float(text[column])
        except ValueError:
            wrong.append((column, repr(text[column]), "must be a number"))
            return math.nan

    def time(column: str) -> datetime:
        try:
            read = datetime.fromisoformat(text[column])
        except ValueError:
            read = datetime.min
        if read.tzinfo is None:
            remedy = f"write a time with its offset from UTC, like {EXAMPLE}"
            wrong.append((column, repr(text[column]), remedy))
            return datetime.fromisoformat(EXAMPLE)
        return read

    start = time("start")
    if "end" in row:
        duration_min = (time("end") - start).total_seconds() / SECONDS_PER_MINUTE
    else:
        duration_min = number("duration_min")
    order = Order(
        text["product"],
        text["aggregator"],
        text["area"],
        number("delta_kw"),
        start,
        number("ramp_min"),
        duration_min,
    )
    return order, wrong


def _is_whole(steps: float) -> bool:
    return abs(steps - round(steps)) <= WHOLE_STEP_TOLERANCE
