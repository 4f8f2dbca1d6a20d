"""Makes simbench.h5 from the tables of the installed package simbench.

``pip install 'mosaik-bottomup[simbench]'``, then
``python -m mosaik_bottomup.data.derive``.
SimBench: S. Meinecke et al., "SimBench - A Benchmark Dataset of Electric Power Systems
to Compare Innovative Solutions Based on Power Flow Analysis", Energies 13 (2020) 3290,
doi:10.3390/en13123290; licensed ODbL 1.0, and so is the derived file.

Layout
------
``/households/<profile>``
    float32 (quarters,), share of the home's rated power; attributes ``start`` and
    ``step_s``.
``/grids/<code>/buses``
    ``id``. Nodes joined by closed switches are one bus.
``/grids/<code>/lines``
    ``id``, ``from_bus``, ``to_bus`` (rows of buses), ``length_km``, ``r_ohm_per_km``,
    ``x_ohm_per_km``, ``c_nf_per_km``, ``max_i_ka``.
``/grids/<code>/loads``
    ``id``, ``bus`` (row of buses), ``p_mw``, ``q_mvar``, ``profile``, ``is_home``.
``/grids/<code>``
    Attributes: ``lv_bus`` (row of buses) and the one transformer: ``sn_mva``,
    ``vn_hv_kv``, ``vn_lv_kv``, ``vk_percent``, ``vkr_percent``, ``pfe_kw``,
    ``i0_percent``, ``shift_degree``, ``tap_neutral``, ``tap_min``, ``tap_max``,
    ``tap_step_percent``, ``tap_pos``; the tap is on the high-voltage side.
"""

import argparse
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from mosaik_bottomup.data import simbench_file, simbench_tables

NETWORKS = ("LV2.101", "LV3.101")
HOUSEHOLD_PROFILES = ("H0-B", "H0-C", "H0-G", "H0-L")
"""The homes: H0-A contains electric heating, H0-H is an aggregate."""

_PROFILES_START = "2015-12-31T23:00:00+00:00"  # midnight in Berlin: wall-clock labels
_PROFILES_STEP_S = 900


def derive(target: Path) -> None:
    """Write the two grids and the household profiles to `target`.

    Raises
    ------
    ModuleNotFoundError
        If simbench is not installed.
    """
    tables = simbench_tables.folder()
    with h5py.File(target, "w") as file:
        file.attrs["source"] = f"SimBench {version('simbench')}, https://simbench.net"
        file.attrs["license"] = "ODbL-1.0 (database), DbCL-1.0 (contents)"
        _write_households(file.create_group("households"), tables)
        table = simbench_tables.read(tables)
        for network in NETWORKS:
            group = file.create_group(f"grids/{network}")
            simbench_tables.write_grid(group, network, table)


def _write_households(group: h5py.Group, tables: Path) -> None:
    columns = [f"{profile}_pload" for profile in HOUSEHOLD_PROFILES]
    table = pd.read_csv(tables / "LoadProfile.csv", sep=";", usecols=columns)
    for profile, column in zip(HOUSEHOLD_PROFILES, columns, strict=True):
        values = table[column].to_numpy(np.float32)
        dataset = group.create_dataset(
            profile, data=values, compression="gzip", shuffle=True
        )
        dataset.attrs["start"] = _PROFILES_START
        dataset.attrs["step_s"] = _PROFILES_STEP_S
        dataset.attrs["units"] = "1"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="?", type=Path, default=simbench_file())
    derive(parser.parse_args().target)
