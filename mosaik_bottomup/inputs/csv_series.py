"""Reads the user's own series from CSV, and says everything that is wrong with them.

The file has a column ``time`` (starts of the steps, ISO 8601 with the offset from UTC,
e.g. ``2016-01-04T00:00+01:00``) and columns named with their unit, e.g.
``ambient [degC]``. Steps are equal and divide an hour. Values are means over the step:
a finer clock holds them, a coarser one averages them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.inputs.clock import SECONDS_PER_HOUR, Clock, mean_of_parts

_TIME = "time"
_OFFSET = r"(?:Z|[+-]\d\d:?\d\d)$"
_EXAMPLE = "2016-01-04T00:00+01:00"
_FIRST_LINE = 2  # line 1 is the header
_MOST_ALIKE = 4
"""Columns with the same fault that are reported one by one."""


@dataclass(frozen=True, slots=True)
class Column:
    """A series the file must have."""

    name: str
    units: Mapping[str, float]
    """Units it may be in, and the factor from each to ours; the first is advised."""
    low: float = -math.inf
    """In our unit."""
    high: float = math.inf

    @property
    def heading(self) -> str:
        """Heading in the advised unit."""
        return f"{self.name} [{next(iter(self.units))}]"


@dataclass(slots=True)
class _Findings:
    """What has been found wrong with the file so far."""

    path: Path
    problems: list[Problem] = field(default_factory=list)

    def add(self, key: str, value: object, remedy: str) -> None:
        self.problems.append(Problem(str(self.path), key, str(value), remedy))

    def raise_any(self) -> None:
        if self.problems:
            raise InputError(self.problems)


def read(path: Path, columns: Sequence[Column], clock: Clock) -> FloatArray:
    """Read `columns` over the steps of `clock`, in our units, (columns, steps).

    Raises
    ------
    InputError
        With everything that is wrong with the file.
    """
    found = _Findings(path)
    table = _table(path, found)
    start, step_s = _check_times(table, clock, found)
    before = len(found.problems)
    values = [_values(table, column, found) for column in columns]
    found.problems[before:] = _folded(found.problems[before:])
    found.raise_any()
    if not columns:
        return np.empty((0, clock.steps))
    return _on_clock(np.array(values), start, step_s, clock)


def _table(path: Path, found: _Findings) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype={_TIME: str}, skipinitialspace=True)
    except (OSError, ValueError) as error:
        found.add("file", error, "give a readable CSV file with one header line")
        raise InputError(found.problems) from error
    if table.empty:
        found.add("file", "no rows", "give a header line and one line per step")
    found.raise_any()
    return table


def _check_times(
    table: pd.DataFrame, clock: Clock, found: _Findings
) -> tuple[pd.Timestamp, int]:
    """Start of the first row and the step; both are of use only if all is well."""
    useless = clock.start, clock.step_s
    if _TIME not in table:
        found.add(_TIME, "no such column", f"add it, with values like {_EXAMPLE}")
        return useless
    text = table[_TIME].fillna("").str.strip()
    times = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")
    faults = (
        (times.isna(), f"write a time like {_EXAMPLE}"),
        (
            times.notna() & ~text.str.contains(_OFFSET),
            f"add the offset from UTC, as in {_EXAMPLE}",
        ),
    )
    for wrong, remedy in faults:
        if wrong.any():
            row = int(np.argmax(wrong))
            found.add(_TIME, f"{text[row]!r} {_where(wrong)}", remedy)
    if any(wrong.any() for wrong, _ in faults):
        return useless
    if len(times) < 2:
        found.add(_TIME, "one row", "give at least two, so that the step is known")
        return useless
    step_s = _check_steps(pd.DatetimeIndex(times), found)
    end = times.iloc[-1] + pd.Timedelta(seconds=step_s)
    if times.iloc[0] > clock.start or end < clock.end:
        found.add(
            _TIME,
            f"{_utc(times.iloc[0])} to {_utc(end)}",
            f"the run needs {_utc(clock.start)} to {_utc(clock.end)}, which includes "
            "its warm-up and planning horizon",
        )
    return times.iloc[0], step_s


def _check_steps(times: pd.DatetimeIndex, found: _Findings) -> int:
    """Return the usual step, having looked for rows that do not keep it."""
    seconds = (times[1:] - times[:-1]).total_seconds().to_numpy()
    steps, counts = np.unique(seconds, return_counts=True)
    usual = float(steps[np.argmax(counts)])
    if usual < 1.0 or SECONDS_PER_HOUR % usual:
        found.add(
            _TIME,
            f"steps of {usual:g} s",
            "give ascending times whose step divides an hour, e.g. 900 s or 3600 s",
        )
        return SECONDS_PER_HOUR
    faults = (
        (seconds <= 0.0, "sort the times and give each once"),
        (
            (seconds > 0.0) & (seconds % usual != 0.0),
            f"keep the step of {usual:g} s throughout",
        ),
        (
            (seconds > usual) & (seconds % usual == 0.0),
            f"fill the gap: there must be a row every {usual:g} s",
        ),
    )
    for wrong, remedy in faults:
        if wrong.any():
            row = int(np.argmax(wrong))
            value = f"{_utc(times[row])} followed by {_utc(times[row + 1])}"
            # the fault is seen in the later of the two rows
            found.add(_TIME, f"{value} {_where(np.append(False, wrong))}", remedy)
    return int(usual)


def _values(table: pd.DataFrame, column: Column, found: _Findings) -> FloatArray:
    """Read one column in our unit, (rows,); of use only if all is well."""
    headings = {f"{column.name} [{unit}]": unit for unit in column.units}
    there = [heading for heading in table if str(heading).strip() in headings]
    if len(there) != 1:
        alike = [str(name) for name in table if _stem(str(name)) == column.name]
        found.add(
            column.heading,
            f"found {', '.join(alike)}" if alike else "no such column",
            f"name one column {' or '.join(headings)}",
        )
        return np.full(len(table), math.nan)
    given = pd.to_numeric(table[there[0]], errors="coerce").to_numpy(float)
    values: FloatArray = given * column.units[headings[str(there[0]).strip()]]
    no_number = ~np.isfinite(values)
    outside = ~no_number & ~((values >= column.low) & (values <= column.high))
    for wrong, remedy in (
        (no_number, "give a number in every row"),
        (outside, f"expected {column.low:g} to {column.high:g}: is the unit right?"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            value = table[there[0]].iloc[row]
            found.add(str(there[0]), f"{value} {_where(wrong)}", remedy)
    return values


def _folded(problems: Sequence[Problem]) -> list[Problem]:
    """Report what is wrong with very many columns alike only once."""
    alike: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        name = _stem(problem.key)
        fault = problem.value.replace(name, ""), problem.remedy.replace(name, "")
        alike.setdefault(fault, []).append(problem)
    folded: list[Problem] = []
    for group in alike.values():
        if len(group) <= _MOST_ALIKE:
            folded += group
            continue
        first, last = group[0], group[-1]
        key = f"{first.key} to {last.key} ({len(group)} columns)"
        folded.append(replace(first, key=key))
    return folded


def _on_clock(
    values: FloatArray, start: pd.Timestamp, step_s: int, clock: Clock
) -> FloatArray:
    """Hold or average values given every `step_s` from `start`, (columns, steps)."""
    ahead_s = round((clock.start - start).total_seconds())
    fine = clock.refined(math.gcd(step_s, clock.step_s, ahead_s))
    row = (ahead_s + np.arange(fine.steps) * fine.step_s) // step_s
    return mean_of_parts(values[:, row], clock.step_s // fine.step_s)


def _stem(heading: str) -> str:
    return heading.partition("[")[0].strip()


def _where(wrong: ArrayLike) -> str:
    """Line of the file at which it first happens, and in how many lines it does."""
    line = int(np.argmax(wrong)) + _FIRST_LINE
    count = int(np.sum(wrong))
    return f"(line {line})" if count == 1 else f"(line {line}, {count} lines in all)"


def _utc(time: pd.Timestamp) -> str:
    return f"{time:%Y-%m-%dT%H:%MZ}"
