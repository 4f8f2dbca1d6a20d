"""The agents of a case's fleets, and what they can foresee."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from mosaik_bottomup.arrays import FloatArray, IntArray, write_protect
from mosaik_bottomup.case import Case
from mosaik_bottomup.case.fleets import Fleet
from mosaik_bottomup.case.streams import Stream
from mosaik_bottomup.devices.agent import FleetAgent, Sites
from mosaik_bottomup.devices.control import ControlledSites
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.devices.packets import Packets
from mosaik_bottomup.devices.thermostat import thermostat_offer
from mosaik_bottomup.devices.told import Told
from mosaik_bottomup.inputs.forecast import Forecast
from mosaik_bottomup.inputs.series import Series
from mosaik_bottomup.parties.rules import calendar
from mosaik_bottomup.parties.strategies import STRATEGIES

_STARTS: WeakKeyDictionary[Forecast, dict[tuple[Any, ...], Any]]
_STARTS = WeakKeyDictionary()
"""States after the warm-up, as long as anybody has the forecast it was run on."""


def outlook(series: Series, homes: IntArray) -> Outlook:
    """Return what a fleet in the given homes sees of the series."""
    return Outlook(
        series.ambient_c,
        series.global_w_m2,
        series.import_dkk_per_kwh,
        series.export_dkk_per_kwh,
        series.pv_kw_per_kwp,
        series.household_kw[homes],
    )


def fleet_forecast(case: Case, homes: IntArray) -> Callable[[int, int, int], Outlook]:
    """Return what a fleet can foresee; step 0 is the first of the run."""
    source, lead = case.forecast, case.scenario.run.warm_up_steps

    def at(made_at: int, step: int, steps: int) -> Outlook:
        return outlook(source.at(lead + made_at, lead + step, steps), homes)

    return at


def fleet_agent(
    case: Case, fleet: Fleet, told_kw: FloatArray | None = None
) -> FleetAgent:
    """Return a fleet's agent, warmed up to the start of the run.

    The warm-up is price-only whatever the strategy, so that all start alike; but that
    of a thermostat is its own. It would find houses that planned for the night's prices
    all cold at once, and heat them in step for half a day. The warm-up is lived
    through once for all cases that share fleet and forecast.

    Parameters
    ----------
    case, fleet
        What takes part.
    told_kw : (n, t) array, optional
        What each site is told to take in each step, where the strategy is to tell it.

    Raises
    ------
    ValueError
        If the strategy tells sites what to do and nothing is told, or the other way
        round.
    """
    scenario = case.scenario
    strategy = STRATEGIES[scenario.run.strategy]
    looks_ahead = scenario.dso.look_ahead != "none"
    sites: Sites = fleet.sites
    if strategy.control == "thermostat":
        sites = ControlledSites(fleet.sites, thermostat_offer, plans=False)
    agent = FleetAgent(
        sites,
        calendar(scenario),
        len(case.network.areas),
        fleet_forecast(case, fleet.sites.fleet.home),
        reports=strategy.dso == "surcharge" or (strategy.secured and looks_ahead),
        pays_surcharge=strategy.dso == "surcharge",
    )
    agent.start(_start(case, fleet, sites, strategy.control))
    if (strategy.control == "told") != (told_kw is not None):
        raise ValueError(
            f"strategy {scenario.run.strategy} and set-points made beforehand: "
            "one is never without the other"
        )
    if strategy.control == "packets":
        number = case.fleets.index(fleet)
        seed = (scenario.run.seed, Stream.PACKETS, number)
        mean_time_h = scenario.alternatives.packet_mean_time_h
        packets = Packets(seed, mean_time_h)
        agent.sites = ControlledSites(fleet.sites, packets.offer, plans=True)
    elif told_kw is not None:
        agent.sites = ControlledSites(fleet.sites, Told(told_kw).offer, plans=False)
    return agent


def _start(case: Case, fleet: Fleet, sites: Sites, control: str) -> Any:
    """Return the state of a fleet after the warm-up, which nobody can write into."""
    areas, steps = len(case.network.areas), case.scenario.run.warm_up_steps
    days = replace(case.calendar, gates=None, trade_every_steps=0)
    key = fleet, control == "thermostat", days, areas, steps
    known = _STARTS.setdefault(case.forecast, {})
    if key not in known:
        foresee = fleet_forecast(case, fleet.sites.fleet.home)
        agent = FleetAgent(sites, days, areas, foresee, reports=False)
        agent.warm_up(steps)
        known[key] = write_protect(agent.state)
    return known[key]
