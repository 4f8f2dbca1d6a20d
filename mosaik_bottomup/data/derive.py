"""Makes simbench.h5 from the tables of the installed package simbench.

``pip install mosaik-bottomup[data]``, then ``python -m mosaik_bottomup.data.derive``.
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
import importlib.util
import math
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from mosaik_bottomup.data import simbench_file

NETWORKS = ("LV2.101", "LV3.101")
HOUSEHOLD_PROFILES = ("H0-B", "H0-C", "H0-G", "H0-L")
"""The homes: H0-A contains electric heating, H0-H is an aggregate."""

_TABLES = "networks/1-complete_data-mixed-all-1-sw"
_PROFILES_START = "2015-12-31T23:00:00+00:00"  # midnight in Berlin: wall-clock labels
_PROFILES_STEP_S = 900
_FREQUENCY_HZ = 50.0

# SimBench gives MVA, kV, kW, percent and degrees; our names carry them.
_TRANSFORMER_COLUMNS = {
    "sn_mva": "sR",
    "vn_hv_kv": "vmHV",
    "vn_lv_kv": "vmLV",
    "vk_percent": "vmImp",
    "pfe_kw": "pFe",
    "i0_percent": "iNoLoad",
    "shift_degree": "va0",
    "tap_neutral": "tapNeutr",
    "tap_min": "tapMin",
    "tap_max": "tapMax",
    "tap_step_percent": "dVm",
}


def derive(target: Path) -> None:
    """Write the two grids and the household profiles to `target`.

    Raises
    ------
    ModuleNotFoundError
        If simbench is not installed.
    """
    tables = _tables_folder()
    with h5py.File(target, "w") as file:
        file.attrs["source"] = f"SimBench {version('simbench')}, https://simbench.net"
        file.attrs["license"] = "ODbL-1.0 (database), DbCL-1.0 (contents)"
        _write_households(file.create_group("households"), tables)
        names = ("Line", "LineType", "Transformer", "TransformerType", "Load", "Switch")
        table = {name: _read(tables, name) for name in names}
        for network in NETWORKS:
            _write_grid(file.create_group(f"grids/{network}"), network, table)


def _tables_folder() -> Path:
    """Find the tables without importing simbench, which takes 5 s."""
    spec = importlib.util.find_spec("simbench")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "simbench is not installed: pip install mosaik-bottomup[data]"
        )
    return Path(spec.origin).parent / _TABLES


def _read(tables: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(tables / f"{name}.csv", sep=";", low_memory=False)


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


def _write_grid(
    group: h5py.Group, network: str, table: dict[str, pd.DataFrame]
) -> None:
    part = {
        name: table[name][table[name].subnet == network]
        for name in ("Line", "Transformer", "Load", "Switch")
    }
    lines, loads = part["Line"], part["Load"]
    (transformer,) = part["Transformer"].itertuples()
    ends = pd.concat([lines.nodeA, lines.nodeB, loads.node])
    bus_of = _fuse({*ends, transformer.nodeLV}, part["Switch"])
    buses = sorted(set(bus_of.values()), key=_plainest_first)
    row_of = {node: buses.index(bus) for node, bus in bus_of.items()}
    types = table["LineType"].set_index("id").loc[lines.type]
    _write_columns(group, "buses", {"id": buses})
    _write_columns(
        group,
        "lines",
        {
            "id": lines.id,
            "from_bus": lines.nodeA.map(row_of),
            "to_bus": lines.nodeB.map(row_of),
            "length_km": lines.length,
            "r_ohm_per_km": types.r,
            "x_ohm_per_km": types.x,
            # susceptance in uS/km -> capacitance: b = 2 pi f c
            "c_nf_per_km": types.b * 1e3 / (2.0 * math.pi * _FREQUENCY_HZ),
            "max_i_ka": types.iMax / 1e3,
        },
    )
    _write_columns(
        group,
        "loads",
        {
            "id": loads.id,
            "bus": loads.node.map(row_of),
            "p_mw": loads.pLoad,
            "q_mvar": loads.qLoad,
            "profile": loads.profile,
            "is_home": loads.profile.str.startswith("H0").astype(int),
        },
    )
    rating = table["TransformerType"].set_index("id").loc[transformer.type]
    for name, column in _TRANSFORMER_COLUMNS.items():
        group.attrs[name] = float(rating[column])
    # copper losses in kW over the rating in MVA, as a percentage
    group.attrs["vkr_percent"] = float(rating.pCu / (rating.sR * 1e3) * 100.0)
    group.attrs["tap_pos"] = float(transformer.tappos)
    group.attrs["lv_bus"] = row_of[transformer.nodeLV]


def _fuse(nodes: set[str], switches: pd.DataFrame) -> dict[str, str]:
    """Bus of every node: the plainest name among those joined by closed switches."""
    closed = switches[switches.cond == 1]
    neighbours: dict[str, set[str]] = {node: set() for node in nodes}
    for a, b in zip(closed.nodeA, closed.nodeB, strict=True):
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    bus_of: dict[str, str] = {}
    for start in nodes:
        joined, reached = {start}, [start]
        while reached:
            fresh = neighbours[reached.pop()] - joined
            joined |= fresh
            reached.extend(fresh)
        bus_of[start] = min(joined, key=_plainest_first)
    return bus_of


def _plainest_first(bus: str) -> tuple[int, str]:
    """Bus 9 before Bus 10, Bus 10 before its auxiliary Bus 10_1."""
    return len(bus), bus


def _write_columns(group: h5py.Group, name: str, columns: dict[str, object]) -> None:
    subgroup = group.create_group(name)
    for column, values in columns.items():
        data = np.asarray(values)
        text = data.dtype == object or data.dtype.kind == "U"
        subgroup.create_dataset(
            column,
            data=data.astype(object) if text else data,
            dtype=h5py.string_dtype() if text else data.dtype,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="?", type=Path, default=simbench_file())
    derive(parser.parse_args().target)
