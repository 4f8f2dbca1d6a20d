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

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        with h5py.File(unfinished, "w", track_order=True) as file:
            _fill(file, header, blocks)
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


def _fill(file: h5py.File, header: Header, blocks: SeriesBlocks | None) -> None:
    time = file.create_dataset("time", data=header.time_s, dtype="<i8")
    _make_dimension(time, number=0)
    time.attrs["standard_name"] = "time"
    time.attrs["calendar"] = "standard"
    _describe(time, "seconds since 1970-01-01 00:00:00", "start of the step, UTC")
    written = file.create_dataset(
        "steps_written", data=header.steps_written, dtype="<i8"
    )
    _describe(written, "1", "steps that hold results; what follows is missing")
    file.attrs.update(header.attrs)

    for number, (name, entities) in enumerate(header.entities.items(), start=1):
        group = LAYOUT[name]
        target = file.create_group(name, track_order=True)
        target.attrs["long_name"] = group.long_name
        over: list[h5py.Dataset] = []
        if group.dimension is not None:
            names = target.create_dataset(
                group.dimension, data=list(entities), dtype=h5py.string_dtype()
            )
            _make_dimension(names, number)
            _describe(names, "1", f"name of the {group.dimension}")
            over = [names]
        for variable in group.static:
            static = target.create_dataset(
                variable.name,
                data=header.static[name][variable.name],
                dtype=variable.dtype,
            )
            _describe(static, variable.units, variable.long_name)
            _attach(static, over)
        for variable in group.series:
            shape = (len(header.time_s), *(len(entities) for _ in over))
            series = _create_series(target, variable, shape, flat=blocks is None)
            _describe(series, variable.units, variable.long_name)
            _attach(series, [time, *over])
            if blocks is None:
                # A contiguous data set is allocated and filled by its first write.
                series[:1] = missing(variable)
                continue
            first = 0
            for block in blocks(group, variable):
                series[first : first + len(block)] = block
                first += len(block)


def _create_series(
    target: h5py.Group, variable: Variable, shape: tuple[int, ...], flat: bool
) -> h5py.Dataset:
    storage: dict[str, Any] = {}
    if not flat:
        rows = chunk_steps(shape[0], math.prod(shape[1:]), variable)
        storage = {
            "chunks": (rows, *shape[1:]),
            "compression": "gzip",
            "compression_opts": COMPRESSION_LEVEL,
            "shuffle": True,
        }
    nothing = np.array([missing(variable)], variable.dtype)
    series = target.create_dataset(
        variable.name, shape, variable.dtype, fillvalue=nothing[0], **storage
    )
    series.attrs["_FillValue"] = nothing
    return series


def _make_dimension(coordinate: h5py.Dataset, number: int) -> None:
    """Make a data set what netCDF-4 calls a dimension with its coordinate variable."""
    coordinate.make_scale(coordinate.name.rsplit("/", 1)[-1])
    coordinate.attrs["_Netcdf4Dimid"] = np.int32(number)


def _attach(target: h5py.Dataset, dimensions: Sequence[h5py.Dataset]) -> None:
    for axis, dimension in enumerate(dimensions):
        target.dims[axis].attach_scale(dimension)


def _describe(target: h5py.Dataset, units: str, long_name: str) -> None:
    target.attrs["units"] = units
    target.attrs["long_name"] = long_name
