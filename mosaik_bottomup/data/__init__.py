"""Where the data files that ship with the package are, and what is in them."""

from functools import lru_cache
from pathlib import Path

import h5py

_FOLDER = Path(__file__).parent


def simbench_file() -> Path:
    """Household profiles and low-voltage grids of SimBench, as HDF5.

    The groups are described in `mosaik_bottomup.data.derive`, which makes the file.
    """
    return _FOLDER / "simbench.h5"


@lru_cache
def network_names() -> tuple[str, ...]:
    """SimBench codes of the packaged low-voltage grids, e.g. ``"LV2.101"``."""
    with h5py.File(simbench_file()) as file:
        return tuple(sorted(file["grids"]))


def packaged_scenario(name: str) -> Path:
    """Path of a packaged scenario, e.g. ``"two_areas"``.

    Raises
    ------
    ValueError
        If the scenario is not packaged.
    """
    path = _FOLDER / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in _FOLDER.glob("*.toml")))
        raise ValueError(f"no scenario {name!r} in the package; there are {known}")
    return path
