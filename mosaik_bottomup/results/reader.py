"""Reads a results file, complete or not: arrays by group and variable.

Nothing stays open: each series is read when it is asked for, so that a long run need
not fit into memory and a file can be read while its run still goes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.results.container import AttrValue, chunk_steps
from mosaik_bottomup.results.layout import (
    BY_AREA,
    FORMAT_VERSION,
    LAYOUT,
    REDUCED,
    Group,
    Variable,
)

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What a results file holds."""

    path: Path
    attrs: dict[str, AttrValue]
    complete: bool
    """Whether the run has ended well."""
    steps: int
    """Steps the run was to have."""
    steps_written: int
    """Steps that hold results."""
    step_s: int
    time_s: IntArray
    """Start of each written step, seconds since 1970 UTC, shape (steps_written,)."""
    entities: dict[str, tuple[str, ...]]
    """Names of the entities by group; a group the run did not have is absent."""
    static: dict[str, dict[str, FloatArray]]
    """One value per entity, by group and variable, each of shape (entity,)."""

    @property
    def step_h(self) -> float:
        """Length of a step in hours."""
        return self.step_s / SECONDS_PER_HOUR

    @property
    def keeps_sites(self) -> bool:
        """Whether it keeps every site, home, bus and line, or areas only."""
        return not any(f"{group}{BY_AREA}" in self.entities for group in REDUCED)

    def sums(self, group: str, variable: str) -> FloatArray:
        """Return a series whose sum over the entities is that of all, in any file.

        Shape (entity, time): of each entity, or of each area where it keeps areas only.
        """
        if self.keeps_sites:
            return self.series(group, variable)
        return self.series(f"{group}{BY_AREA}", f"{variable}_sum")

    def number(self, group: str) -> int:
        """Return how many entities of a group there were, in any file."""
        if self.keeps_sites:
            return len(self.entities.get(group, ()))
        number = self.static.get(f"{group}{BY_AREA}", {}).get("number", np.zeros(0))
        return int(number.sum())

    def extreme(self, group: str, variable: str, how: Literal["min", "max"]) -> float:
        """Return the lowest or highest value of a series, in any file; 0 of none."""
        if self.keeps_sites:
            series = self.series(group, variable)
        else:
            series = self.series(f"{group}{BY_AREA}", f"{variable}_{how}")
        known = series[np.isfinite(series)]
        return (
            float((known.min if how == "min" else known.max)()) if known.size else 0.0
        )

    def holds(self, group: str, variable: str) -> bool:
        """Return whether the file has a series; an older version's may lack it."""
        with h5py.File(self.path, "r") as file:
            return f"{group}/{variable}" in file

    def series(self, group: str, variable: str) -> FloatArray:
        """Return one series of the steps written.

        Returns
        -------
        array
            Shape (entity, time), or (time,) in the group ``market``. Of a group the run
            did not have: no entities.

        Raises
        ------
        KeyError
            If the layout has no such group or variable.
        InputError
            If the file keeps sums and extremes of areas instead.
        """
        described = LAYOUT[group]
        if variable not in {each.name for each in described.series}:
            raise KeyError(f"{group} has no series {variable!r}")
        if group in REDUCED and not self.keeps_sites:
            remedy = f'run it again with "sites" to have {group} one by one'
            key = "results.detail"
            raise InputError([Problem(str(self.path), key, "areas", remedy)])
        if group not in self.entities:
            return np.empty((0, self.steps_written))
        with h5py.File(self.path, "r") as file:
            values = file[group][variable][: self.steps_written]
        return np.ascontiguousarray(values.T, dtype=np.float64)

    def blocks(self, group: Group, variable: Variable) -> Iterator[NDArray[Any]]:
        """Yield a series as stored, (time, entity), some steps at a time."""
        with h5py.File(self.path, "r") as file:
            stored = file[group.name][variable.name]
            width = stored.shape[1] if stored.ndim > 1 else 1
            rows = chunk_steps(self.steps, width, variable)
            for first in range(0, self.steps_written, rows):
                yield stored[first : min(first + rows, self.steps_written)]


def read(path: str | Path) -> Results:
    """Read all of a results file but its series.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If it is no results file, or one of a format this version does not know.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _refusal(path, "content", str(error)) from error
    with file:
        version = file.attrs.get("format_version")
        if version != FORMAT_VERSION:
            raise _refusal(path, "format_version", str(version))
        attrs = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in file.attrs.items()
            if not name.startswith("_")
        }
        written = int(file["steps_written"][()])
        names: dict[str, tuple[str, ...]] = {}
        static: dict[str, dict[str, FloatArray]] = {}
        for name, group in LAYOUT.items():
            if name not in file:
                continue
            stored = file[name]
            names[name] = (
                tuple(stored[group.dimension].asstr()[:]) if group.dimension else ()
            )
            static[name] = {
                each.name: np.asarray(stored[each.name][:], dtype=np.float64)
                for each in group.static
            }
        return Results(
            path=path,
            attrs=attrs,
            complete=bool(attrs["complete"]),
            steps=int(attrs["steps"]),
            steps_written=written,
            step_s=int(attrs["step_s"]),
            time_s=np.asarray(file["time"][:written], dtype=np.int64),
            entities=names,
            static=static,
        )


def _refusal(path: Path, key: str, value: str) -> InputError:
    remedy = f"must be a results file of mosaik-bottomup, format {FORMAT_VERSION}"
    return InputError([Problem(str(path), key, value, remedy)])
