"""The run an optimum is compared with: its states at both ends, and its limits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.case import Case
from mosaik_bottomup.case.fleets import Fleet
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.results import Results

ANYHOW_K = 50.0
"""So far below the air no floor ever is."""


@dataclass(frozen=True, slots=True, eq=False)
class Lived:
    """What a fleet of ``n`` sites went through in ``t`` steps."""

    start: FloatArray
    """Air and floor temperature, shape ``(n, 2)``, or stored energy, shape ``(n,)``."""
    end: FloatArray
    level: FloatArray
    """Air temperature or stored energy at the end of each step, shape ``(n, t)``."""


@dataclass(frozen=True, slots=True, eq=False)
class FlexibleRoom:
    """What flexible sites may exchange in total, per area and step, ``(a, t)``."""

    import_kw: FloatArray
    export_kw: FloatArray
    """As a positive number."""


def lived(case: Case, run: Results) -> dict[str, Lived]:
    """Return what each fleet of a case went through in a run of it."""
    return {fleet.name: _lived(fleet, run) for fleet in case.fleets}


def ending_anyhow(case: Case, lives: Mapping[str, Lived]) -> dict[str, Lived]:
    """Return the same with an end that asks for no more than any step."""
    return {
        fleet.name: _ending_anyhow(fleet, lives[fleet.name]) for fleet in case.fleets
    }


def _ending_anyhow(fleet: Fleet, it: Lived) -> Lived:
    if isinstance(fleet.sites, HeatPumpSites):
        coldest = np.minimum(it.end[:, 0], fleet.sites.fleet.comfort_low_c)
        return replace(it, end=np.stack([coldest, coldest - ANYHOW_K], axis=1))
    return replace(it, end=np.minimum(it.end, fleet.sites.fleet.low_kwh))


def _lived(fleet: Fleet, run: Results) -> Lived:
    kind = fleet.sites.kind
    row = {site: at for at, site in enumerate(run.entities[kind])}
    rows = np.array([row[site] for site in fleet.sites.fleet.site])
    static = run.static[kind]
    if isinstance(fleet.sites, HeatPumpSites):
        air, floor = (run.series(kind, name)[rows] for name in ("air_c", "floor_c"))
        start = np.stack([static["start_air_c"], static["start_floor_c"]], axis=1)
        return Lived(start[rows], np.stack([air[:, -1], floor[:, -1]], axis=1), air)
    energy = run.series(kind, "energy_kwh")[rows]
    return Lived(static["start_energy_kwh"][rows], energy[:, -1], energy)


def room(run: Results, *, as_used: bool = False) -> FlexibleRoom:
    """Return what the DSO's limits left to flexible sites in a run.

    Parameters
    ----------
    run
        Of a strategy in which the DSO sets limits.
    as_used
        Whether, where the run itself went beyond them, so may whoever is compared with
        it: else a run that overloads would beat its own bound.

    Raises
    ------
    ValueError
        If nobody set limits in that run.
    """
    area = {
        name: run.series("areas", name)
        for name in (
            "import_limit_kw",
            "export_limit_kw",
            "uncontrolled_forecast_kw",
            "flexible_kw",
        )
    }
    if np.isnan(area["import_limit_kw"]).any():
        raise ValueError(f"{run.path}: nobody set limits in this run")
    used, load = area["flexible_kw"], area["uncontrolled_forecast_kw"]
    most, least = area["import_limit_kw"] - load, area["export_limit_kw"] + load
    if as_used:
        most, least = np.maximum(most, used), np.maximum(least, -used)
    return FlexibleRoom(most, least)
