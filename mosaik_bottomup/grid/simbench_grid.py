"""Which low-voltage grids of SimBench there are, by code or name, and what they are.

Two are packaged; all others are read from the package simbench, if it is installed.
A code such as ``1-LV-rural1--0-no_sw`` names a type of grid and a scenario, a name such
as ``LV4.105`` one of the low-voltage grids in SimBench's complete data. What SimBench's
scenarios add to a grid is left out here, so that they differ in the transformer's tap
alone; a name is that grid in the scenario of the packaged ones, 1. Switches are closed
in all of them, and the variants ``sw`` and ``no_sw`` the same.
"""

import difflib
from collections.abc import Iterable
from functools import lru_cache

import h5py

from mosaik_bottomup.arrays import write_protect
from mosaik_bottomup.data import network_names, simbench_tables
from mosaik_bottomup.grid.low_voltage import LowVoltageGrid, packaged, read_group

GRID_OF_TYPE = {
    "rural1": "LV1.101",
    "rural2": "LV2.101",
    "rural3": "LV3.101",
    "semiurb4": "LV4.101",
    "semiurb5": "LV5.201",
    "urban6": "LV6.201",
}
"""The grid that SimBench gives for a type in a code."""
SCENARIOS = ("0", "1", "2")
CODES = {
    f"1-LV-{kind}--{scenario}-{switches}": (name, scenario)
    for kind, name in GRID_OF_TYPE.items()
    for scenario in SCENARIOS
    for switches in ("no_sw", "sw")
}
"""All codes of a low-voltage grid alone, with its name and scenario."""
_MOST_NEAR = 6
_NEAR_ENOUGH = 0.7


def named(codes: Iterable[str]) -> dict[str, LowVoltageGrid]:
    """Read grids of SimBench, each once.

    Parameters
    ----------
    codes
        Codes or names of low-voltage grids.

    Raises
    ------
    ValueError
        If there is no such grid here, with what would help.
    """
    grids = {}
    for code in sorted(set(codes)):
        if reason := obstacle(code):
            raise ValueError(f"no grid {code!r}: {reason}")
        name, scenario = _place(code)
        if _is_packaged(name, scenario):
            grids[code] = _packaged(name)
        else:
            grids[code] = _installed(name, scenario)
    return grids


def obstacle(code: str) -> str | None:
    """Say why a code or name cannot be used, and what could; None if it can."""
    name, scenario = _place(code)
    if _is_packaged(name, scenario):
        return None
    here = f"must be one of {', '.join(network_names())}, which are packaged"
    if not simbench_tables.installed():
        return (
            f"{here}; every other low-voltage grid of SimBench needs "
            f"{simbench_tables.EXTRA}{_unknown_code(code)}"
        )
    known = simbench_tables.low_voltage_names(simbench_tables.folder(scenario))
    if name in known:
        return None
    near = difflib.get_close_matches(code, [*CODES, *known], _MOST_NEAR, _NEAR_ENOUGH)
    meant = f"; did you mean {', '.join(near)}?" if near else ""
    return (
        f"{here}, or another low-voltage grid of SimBench by code or by name "
        f"({known[0]} to {known[-1]}){_unknown_code(code)}{meant}"
    )


def _unknown_code(code: str) -> str:
    """List the codes, if something is none."""
    if code in CODES:
        return ""
    kinds, scenarios = ", ".join(GRID_OF_TYPE), ", ".join(SCENARIOS)
    return (
        f"; codes are 1-LV-TYPE--SCENARIO-no_sw (or -sw) with TYPE one of {kinds} and "
        f"SCENARIO one of {scenarios}"
    )


def _place(code: str) -> tuple[str, str]:
    """Return name and scenario of a grid; what is no code is taken as a name."""
    return CODES.get(code, (code, simbench_tables.PACKAGED_SCENARIO))


def _is_packaged(name: str, scenario: str) -> bool:
    return scenario == simbench_tables.PACKAGED_SCENARIO and name in network_names()


@lru_cache
def _packaged(name: str) -> LowVoltageGrid:
    return write_protect(packaged([name])[name])


@lru_cache(maxsize=128)
def _installed(name: str, scenario: str) -> LowVoltageGrid:
    """Read a grid by the same steps as the packaged ones, through a file in memory."""
    table = simbench_tables.read(simbench_tables.folder(scenario))
    own_name = scenario == simbench_tables.PACKAGED_SCENARIO
    with h5py.File(f"{name}.h5", "w", driver="core", backing_store=False) as file:
        simbench_tables.write_grid(file, name, table)
        grid = read_group(name if own_name else f"{name} scenario {scenario}", file)
    return write_protect(grid)
