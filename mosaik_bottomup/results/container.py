"""How a results file is laid out on disk, so that nothing can leave it broken.

HDF5 updates its indices in place and not atomically: a process killed while it adds
compressed chunks can leave a file nobody opens. So a file lives twice.

*While the run goes*, every series is a contiguous, fully allocated data set filled with
"missing". The file is made beside its place, closed, and moved there in one piece;
from then on HDF5 does not touch it again. A step only overwrites bytes at known places
(:func:`places`), never an index, so at every moment the file is valid.

*When the run has ended well*, the whole is written again, chunked and compressed, and
takes the first one's place in one atomic move.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
from numpy.typing import NDArray

from mosaik_bottomup.arrays import IntArray
from mosaik_bottomup.results.layout import LAYOUT, Group, Variable

type AttrValue = str | int | float
type SeriesBlocks = Callable[[Group, Variable], Iterator[NDArray[Any]]]
"""Blocks of consecutive steps of one series, in the order of time."""

COMPRESSION_LEVEL = 4
CHUNK_BYTES = 512 * 1024
"""Size of a chunk before compression; a series of one day fits into one."""

MISSING_COUNT = -1
"""Stands for "missing" where a variable is a whole number."""


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """All of a file but its series."""

    attrs: Mapping[str, AttrValue]
    time_s: IntArray
    """Start of each step in seconds since 1970-01-01 UTC, shape (steps,)."""
    entities: Mapping[str, Sequence[str]]
    static: Mapping[str, Mapping[str, NDArray[Any]]]
    steps_written: int


def missing(variable: Variable) -> float | int:
    """Return what stands for "missing" in a variable."""
    return np.nan if variable.is_float else MISSING_COUNT


def chunk_steps(steps: int, entities: int, variable: Variable) -> int:
    """Return how many steps of a series make one chunk."""
    row_bytes = np.dtype(variable.dtype).itemsize * entities
    return max(1, min(steps, CHUNK_BYTES // row_bytes))


def create(path: Path, header: Header, blocks: SeriesBlocks | None = None) -> None:
    """Write a whole file and move it to its place in one piece.

    Parameters
    ----------
    path
        Where it goes. What stands there is replaced.
    header
        All but the series.
    blocks
        The series. Without, all is missing and stored flat, to be overwritten in place.

    Raises
    ------
    OSError
        If the file cannot be written there.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        with h5netcdf.File(unfinished, "w") as file:
            _fill(file, header, blocks)
        with h5py.File(unfinished, "r+") as file:
            for name, value in header.attrs.items():
                file.attrs[name] = value
        with unfinished.open("rb") as handle:
            os.fsync(handle.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def places(path: Path, entities: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the byte at which each series of a flat file begins, by "group/name"."""
    names = ["steps_written"]
    names += [f"{group}/{v.name}" for group in entities for v in LAYOUT[group].series]
    with h5py.File(path, "r") as file:
        return {name: file[name].id.get_offset() for name in names}


def _fill(file: h5netcdf.File, header: Header, blocks: SeriesBlocks | None) -> None:
    steps = len(header.time_s)
    file.dimensions = {"time": steps}
    time = file.create_variable("time", ("time",), "<i8", data=header.time_s)
    time.attrs["units"] = "seconds since 1970-01-01 00:00:00"
    time.attrs["calendar"] = "standard"
    time.attrs["standard_name"] = "time"
    time.attrs["long_name"] = "start of the step, UTC"
    written = file.create_variable(
        "steps_written", (), "<i8", data=header.steps_written
    )
    written.attrs["units"] = "1"
    written.attrs["long_name"] = "steps that hold results; what follows is missing"

    for name, entities in header.entities.items():
        group = LAYOUT[name]
        target = file.create_group(name)
        target.attrs["long_name"] = group.long_name
        over: tuple[str, ...] = ()
        if group.dimension is not None:
            over = (group.dimension,)
            target.dimensions = {group.dimension: len(entities)}
            names = target.create_variable(
                group.dimension,
                over,
                h5py.string_dtype(),
                data=np.array(entities, dtype=object),
            )
            names.attrs["units"] = "1"
            names.attrs["long_name"] = f"name of the {group.dimension}"
        for variable in group.static:
            values = header.static[name][variable.name]
            _describe(
                target.create_variable(
                    variable.name, over, variable.dtype, data=values
                ),
                variable,
            )
        for variable in group.series:
            width = len(entities) if over else 1
            _write_series(
                target, variable, ("time", *over), steps, width, blocks, group
            )


def _write_series(
    target: h5netcdf.Group,
    variable: Variable,
    dimensions: tuple[str, ...],
    steps: int,
    width: int,
    blocks: SeriesBlocks | None,
    group: Group,
) -> None:
    storage: dict[str, Any] = {}
    if blocks is not None:
        rows = chunk_steps(steps, width, variable)
        storage = {
            "chunks": (rows, width)[: len(dimensions)],
            "compression": "gzip",
            "compression_opts": COMPRESSION_LEVEL,
            "shuffle": True,
        }
    series = target.create_variable(
        variable.name,
        dimensions,
        variable.dtype,
        fillvalue=missing(variable),
        **storage,
    )
    _describe(series, variable)
    if blocks is None:
        # The first write to a contiguous data set allocates and fills all of it.
        series[:1] = missing(variable)
        return
    first = 0
    for block in blocks(group, variable):
        series[first : first + len(block)] = block
        first += len(block)


def _describe(target: h5netcdf.Variable, variable: Variable) -> None:
    target.attrs["units"] = variable.units
    target.attrs["long_name"] = variable.long_name
