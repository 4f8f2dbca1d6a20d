"""Declares a results file complete: compressed, with its certificate."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.results.container import Header, create
from mosaik_bottomup.results.layout import LAYOUT, Group, Variable
from mosaik_bottomup.results.reader import read


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """A group that follows from the others of a run that has ended well."""

    entities: tuple[str, ...]
    series: Mapping[str, FloatArray]
    """All variables of the group, each of shape (entity, time)."""


def seal(
    path: str | Path,
    certificate: Mapping[str, Mapping[str, Any]],
    wall_time_s: float,
    step_times_ms: Sequence[float],
    derived: Mapping[str, Derived] | None = None,
) -> None:
    """Write a finished run's file again: chunked, compressed, ``complete`` 1.

    The old file stays until the new one takes its place in one move; a process killed
    meanwhile leaves the old one, with all its steps.

    Parameters
    ----------
    path
        A file whose writer is closed.
    certificate
        The checks, by name; kept as JSON in the attribute ``certificate``.
    wall_time_s
        How long the run took.
    step_times_ms
        How long each step took, shape (steps,).
    derived
        Groups to add, by name.

    Raises
    ------
    InvariantError
        If the file lacks steps, has been sealed before, or a group to add is not as
        laid out.
    """
    results = read(path)
    if results.complete:
        raise InvariantError(f"{path} is complete already")
    if results.steps_written != results.steps:
        raise InvariantError(
            f"{path} holds {results.steps_written} of {results.steps} steps"
        )
    added = dict(derived or {})
    for name, group in added.items():
        wanted = {each.name for each in LAYOUT[name].series}
        if not LAYOUT[name].derived or group.series.keys() != wanted:
            raise InvariantError(f"{name} is not as laid out, and cannot be added")
    header = Header(
        attrs={
            **results.attrs,
            "certificate": json.dumps(certificate),
            "wall_time_s": float(wall_time_s),
            "step_time_ms_median": float(np.median(step_times_ms)),
            "step_time_ms_max": float(np.max(step_times_ms)),
            "complete": 1,
        },
        time_s=results.time_s,
        entities={
            **results.entities,
            **{name: group.entities for name, group in added.items()},
        },
        static={**results.static, **{name: {} for name in added}},
        steps_written=results.steps_written,
    )

    def blocks(group: Group, variable: Variable) -> Iterator[NDArray[Any]]:
        if group.name in added:
            return iter([added[group.name].series[variable.name].T])
        return results.blocks(group, variable)

    create(Path(path), header, blocks)
