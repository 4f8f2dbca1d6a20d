"""Where the time of a run goes: every second of it belongs to one part.

The functions of the library are wrapped where they are looked up, and given back
afterwards; a part's time is what it takes without the parts it calls. Seconds are of
processor time: what else the machine does, and waiting for the disk, is not in them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from time import process_time
from typing import Any

import mosaik
from mosaik_components.bottomup import (
    aggregator as aggregators,
)
from mosaik_components.bottomup import (
    dso,
    fleet,
    grid,
    profiles,
    recorder,
    setting,
)

from mosaik_bottomup.coordination import clearing, system_operator
from mosaik_bottomup.devices.agent import FleetAgent
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.grid.power_flow import PowerFlow
from mosaik_bottomup.inputs.forecast import PerfectForecast
from mosaik_bottomup.parties import fleets, operators
from mosaik_bottomup.results import ResultsWriter

START, BUILDING = "wiring, first fits", "series, network, fleets"
WARM_UP, CERTIFICATE = "warm-up", "certificate, sealing"
OUTSIDE_STEPS = (BUILDING, START, WARM_UP, CERTIFICATE)
MOSAIK = "mosaik's kernel"
OTHER = "other (adapters, agents)"

type Place = tuple[Any, tuple[str, ...]]
"""Who holds functions, and their names."""

SIMULATORS = tuple(
    module.Simulator for module in (profiles, fleet, aggregators, dso, grid, recorder)
)
STEPS = ("step", "get_data")
_PACKING = ("packed", "unpacked")
_SITES = (HeatPumpSites, PvBatterySites)
PARTS: dict[str, tuple[Place, ...]] = {
    BUILDING: ((setting, ("build",)),),
    START: tuple((simulator, ("setup_done",)) for simulator in SIMULATORS),
    WARM_UP: ((FleetAgent, ("warm_up",)),),
    "planning of sites": tuple((sites, ("plan",)) for sites in _SITES),
    "stores reported": tuple((sites, ("store",)) for sites in _SITES),
    "bids": tuple((sites, ("bids",)) for sites in _SITES),
    "state of sites": tuple((sites, ("apply",)) for sites in _SITES),
    "merit orders": ((clearing, ("merit_orders", "simplify")),),
    "stage 1": ((clearing, ("clear",)),),
    "stage 2": ((system_operator, ("secure",)),),
    "look-ahead": ((system_operator, ("congestion_prices", "pool")),),
    "dispatch": ((clearing, ("dispatch",)),),
    "headroom": ((operators, ("limits_kw",)), (dso, ("correct",))),
    "forecasts": ((PerfectForecast, ("at",)), (fleets, ("outlook",))),
    "messages": tuple((module, _PACKING) for module in (fleet, aggregators, dso)),
    "power flow": ((PowerFlow, ("solve",)),),
    "recorder": ((recorder.Simulator, STEPS), (ResultsWriter, ("append",))),
    CERTIFICATE: ((recorder, ("certify", "seal")),),
    MOSAIK: ((mosaik.World, ("run",)),),
    OTHER: tuple((simulator, STEPS) for simulator in SIMULATORS[:-1]),
}


class Stopwatch:
    """Counts the seconds of the part that works now.

    Parameters
    ----------
    part
        Works first, and whenever no other does.
    whole
        Parts that own all they call.
    clock
        Says how many seconds have gone by.
    """

    def __init__(
        self,
        part: str = START,
        whole: tuple[str, ...] = (WARM_UP,),
        clock: Callable[[], float] = process_time,
    ) -> None:
        self._part = part
        self._whole = whole
        self._clock = clock
        self._since = clock()
        self._seconds: dict[str, float] = defaultdict(float)

    def wrap[**P, R](self, function: Callable[P, R], part: str) -> Callable[P, R]:
        """Return the function, its time counted as that of a part."""

        @wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            caller = self._part
            if caller in self._whole:
                return function(*args, **kwargs)
            self._switch(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._switch(caller)

        return timed

    def lap(self) -> dict[str, float]:
        """Return the seconds by part since the last lap, and begin a new one."""
        self._switch(self._part)
        lap, self._seconds = dict(self._seconds), defaultdict(float)
        return lap

    def _switch(self, part: str) -> None:
        now = self._clock()
        self._seconds[self._part] += now - self._since
        self._part, self._since = part, now


@contextmanager
def watched() -> Iterator[Stopwatch]:
    """Have the time of all `PARTS` counted."""
    watch = Stopwatch()
    with ExitStack() as stack:
        for part, places in PARTS.items():
            for holder, names in places:
                for name in names:
                    timed = watch.wrap(getattr(holder, name), part)
                    stack.enter_context(replaced(holder, name, timed))
        yield watch


@contextmanager
def replaced(holder: Any, name: str, function: Any) -> Iterator[None]:
    """Have somebody hold another function for a while.

    Raises
    ------
    AttributeError
        If there is nothing of that name.
    """
    own = name in vars(holder)
    before = getattr(holder, name)
    setattr(holder, name, function)
    try:
        yield
    finally:
        if own:
            setattr(holder, name, before)
        else:  # inherited, and to be so again
            delattr(holder, name)
