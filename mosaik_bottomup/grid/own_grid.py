"""Reads areas from a user's own pandapower network, and says all that is wrong with it.

The file is what ``pandapower.to_json`` writes. Column ``zone`` of its buses says which
area each belongs to: the buses on the low-voltage side of exactly one transformer. A
load is a home, whatever its power. What lies outside the zones is not used: areas hang
on the scenario's own busbar and feeders.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import pandapower as pp
from pandapower.auxiliary import pandapowerNet

from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.grid.low_voltage import LowVoltageGrid
from mosaik_bottomup.grid.own_zone import cut, grid_of, zones
from mosaik_bottomup.grid.own_zone_checks import faults

_WRITTEN = "must be a network written by pandapower.to_json"
_CLASS = "pandapowerNet"


def read_net(path: Path) -> pandapowerNet:
    """Read a network that has zones.

    Raises
    ------
    InputError
        If the file is no network of pandapower, or no bus in service has a zone.
    """
    try:
        text = path.read_text(encoding="utf-8")
        written = json.loads(text)
    except (OSError, ValueError) as error:
        raise _problem(path, "file", str(error), _WRITTEN) from error
    if not isinstance(written, dict) or written.get("_class") != _CLASS:
        found = written.get("_class") if isinstance(written, dict) else None
        raise _problem(path, "_class", str(found), _WRITTEN)
    try:
        net = pp.from_json_string(text, convert=True)
    except (
        ArithmeticError,
        AttributeError,
        ImportError,
        LookupError,
        TypeError,
        UserWarning,
        ValueError,
    ) as error:
        raise _problem(path, "file", repr(error), _WRITTEN) from error
    if "zone" not in net.bus or not zone_names(net):
        remedy = (
            "no bus in service has a zone: give the buses behind each transformer one, "
            'as in net.bus.loc[buses, "zone"] = "A"'
        )
        raise _problem(path, "bus.zone", "none", remedy)
    return net


def zone_names(net: pandapowerNet) -> tuple[str, ...]:
    """Names of the zones, sorted."""
    return tuple(sorted(set(zones(net)) - {""}))


def grids(
    path: Path, net: pandapowerNet, names: Iterable[str]
) -> dict[str, LowVoltageGrid]:
    """Return the grids of zones that there are.

    Raises
    ------
    InputError
        With everything that keeps one of them from being an area.
    """
    wanted = {name: cut(net, name) for name in sorted(set(names))}
    problems = [
        Problem(str(path), *fault)
        for zone in wanted.values()
        for fault in faults(net, zone)
    ]
    if problems:
        raise InputError(problems)
    return {name: grid_of(zone) for name, zone in wanted.items()}


def _problem(path: Path, key: str, value: str, remedy: str) -> InputError:
    return InputError([Problem(str(path), key, value, remedy)])
