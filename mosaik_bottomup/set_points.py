"""A dispatch made elsewhere, as a file: what every site is told in every step."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from mosaik_bottomup.arrays import FloatArray


def write(path: Path, power_kw: Mapping[str, FloatArray]) -> None:
    """Write powers at the meters, by fleet, each of shape ``(n, t)``."""
    with h5py.File(path, "w") as file:
        for fleet, values in power_kw.items():
            file[fleet] = values
            file[fleet].attrs["units"] = "kW"


def read(path: Path, fleet: str) -> FloatArray:
    """Return the powers of one fleet, shape ``(n, t)``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the fleet is not in it.
    """
    with h5py.File(path, "r") as file:
        if fleet not in file:
            raise ValueError(f"{path} has no set-points for {fleet}")
        return np.asarray(file[fleet][()], dtype=np.float64)
