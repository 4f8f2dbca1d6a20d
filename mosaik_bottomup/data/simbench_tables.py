"""What the installed package simbench holds of low-voltage grids, as HDF5 groups.

The layout of a group is described in `mosaik_bottomup.data.derive`. Every low-voltage
grid of SimBench is a subnet of its own, such as ``LV4.101``; the three scenarios of
SimBench differ there in loads that are no homes and in the transformer's tap.
"""

import importlib.util
import math
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

EXTRA = "pip install 'mosaik-bottomup[simbench]'"
"""How to get the package."""
PACKAGED_SCENARIO = "1"
"""The scenario that the packaged grids are of."""

_TABLES = "networks/1-complete_data-mixed-all-{scenario}-sw"
_GRID_TABLES = (
    "Line",
    "LineType",
    "Transformer",
    "TransformerType",
    "Load",
    "Switch",
)
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


def installed() -> bool:
    """Whether the package simbench is there."""
    return importlib.util.find_spec("simbench") is not None


def folder(scenario: str = PACKAGED_SCENARIO) -> Path:
    """Find the tables of a scenario without importing simbench, which takes 5 s.

    Raises
    ------
    ModuleNotFoundError
        If simbench is not installed.
    """
    spec = importlib.util.find_spec("simbench")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"simbench is not installed: {EXTRA}")
    return Path(spec.origin).parent / _TABLES.format(scenario=scenario)


@lru_cache(maxsize=3)
def read(tables: Path) -> dict[str, pd.DataFrame]:
    """Read what a folder says of lines, transformers, loads and switches."""
    return {
        name: pd.read_csv(tables / f"{name}.csv", sep=";", low_memory=False)
        for name in _GRID_TABLES
    }


@lru_cache(maxsize=3)
def low_voltage_names(tables: Path) -> tuple[str, ...]:
    """Names of all low-voltage grids in a folder, sorted."""
    column = pd.read_csv(tables / "Transformer.csv", sep=";", usecols=["subnet"])
    subnets = column.subnet[column.subnet.str.fullmatch(r"LV\d+\.\d+")]
    return tuple(sorted(set(subnets)))


def write_grid(group: h5py.Group, network: str, table: dict[str, pd.DataFrame]) -> None:
    """Write one grid of `read` into a group."""
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
