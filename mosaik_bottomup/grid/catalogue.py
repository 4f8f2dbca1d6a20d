"""Which low-voltage grid the name of one stands for: SimBench's or the user's own."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mosaik_bottomup.arrays import write_protect
from mosaik_bottomup.grid import simbench_grid
from mosaik_bottomup.grid.low_voltage import LowVoltageGrid

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

type FileState = tuple[str, int, int] | None
"""Name of a file, its size and the time of its last change; None without a file."""


def state_of(file: str) -> FileState:
    """Return what tells whether a file has changed; None for the name ""."""
    if not file:
        return None
    stat = Path(file).stat()
    return file, stat.st_size, stat.st_mtime_ns


def grids(names: Iterable[str], file: FileState) -> dict[str, LowVoltageGrid]:
    """Return grids by name.

    Parameters
    ----------
    names
        Zones of `file`, or codes and names of SimBench's grids without one.
    file
        The user's own network.

    Raises
    ------
    InputError
        With everything that is wrong with the zones in the file.
    ValueError
        If there is no such grid.
    """
    if file is None:
        return simbench_grid.named(names)
    wanted = tuple(sorted(set(names)))
    for name in wanted:
        if reason := obstacle(name, file):
            raise ValueError(f"no zone {name!r}: {reason}")
    return _own_grids(wanted, file)


def obstacle(name: str, file: FileState) -> str | None:
    """Say why there is no grid of a name, and which there are; None if there is one.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if file is None:
        return simbench_grid.obstacle(name)
    from mosaik_bottomup.grid import own_grid

    known = own_grid.zone_names(_net(file))
    if name in known:
        return None
    return f"must be a zone of grid.file, one of {', '.join(known)}"


@lru_cache(maxsize=2)
def _net(file: tuple[str, int, int]) -> "pandapowerNet":
    # pandapower takes more than a second to import
    from mosaik_bottomup.grid import own_grid

    return own_grid.read_net(Path(file[0]))


@lru_cache(maxsize=4)
def _own_grids(
    names: tuple[str, ...], file: tuple[str, int, int]
) -> dict[str, LowVoltageGrid]:
    from mosaik_bottomup.grid import own_grid

    found = own_grid.grids(Path(file[0]), _net(file), names)
    return {name: write_protect(grid) for name, grid in found.items()}
