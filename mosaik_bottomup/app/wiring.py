"""Who hears what from whom: every connection of a run, for any number of parties."""

from collections.abc import Callable
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import Any

import mosaik
from mosaik.async_scenario import Entity
from mosaik.starters import PythonStarter
from mosaik_components.bottomup.checkpoint import NO_CHECKPOINTS, Checkpoints
from mosaik_components.bottomup.fleet import KINDS, SEES
from mosaik_components.bottomup.watch import OnProgress
from mosaik_components.bottomup.watch import Simulator as Watch

from mosaik_bottomup.case import Case
from mosaik_bottomup.case.orders import activations

MODULES = ("profiles", "fleet", "aggregator", "dso", "grid", "recorder", "market")
MEASURED = ("loading[%]", "P_meters[MW]", "Q_meters[MVar]")
"""What the DSO learns from."""
TO_METERS = (("P[MW]", "P_load[MW]"), ("Q[MVar]", "Q_load[MVar]"))
MODELS = {kind: model for model, kind in KINDS.items()}

type Transform = Callable[[list[float]], list[float]]


class Wiring:
    """The simulators of one world, and what connects them.

    Parameters
    ----------
    world
        Knows how to start `MODULES`.
    case
        What is run.
    text
        Its scenario, for the simulators.
    step_size
        Length of a step in the world's units of time.
    set_points
        File of what sites are told to do, for the strategy that tells them.
    checkpoints
        Which the run keeps, and which it goes on from.
    """

    def __init__(
        self,
        world: mosaik.World,
        case: Case,
        text: str,
        step_size: int,
        set_points: Path | None = None,
        checkpoints: Checkpoints = NO_CHECKPOINTS,
    ) -> None:
        self._world = world
        self._case = case
        self._told = {} if set_points is None else {"set_points": str(set_points)}
        self._params: dict[str, Any] = {
            "scenario": text,
            "step_size": step_size,
            "checkpoints": asdict(checkpoints),
        }
        self._ordered = [name for name, _ in activations(case.scenario)]

    def connect_all(self, out: Path, overwrite: bool, on_progress: OnProgress) -> None:
        """Start everything, and connect it."""
        world = self._world
        recorder = self._start("recorder", out=str(out), overwrite=overwrite)
        results = recorder.Results()
        self._profiles = self._start("profiles", children=False)
        self._weather = self._profiles.Weather()
        self._market = self._profiles.Market()
        self._households = self._profiles.Households()
        self._grids = self._start("grid", children=False)
        grid = self._grids.Grid()
        with world.group("coordination"):
            fleets = self._start("fleet", children=False, **self._told)
            aggregators = self._start("aggregator")
            dso = self._start("dso")

        operator = dso.Operator()
        self._measure(grid, operator)
        parties = [self._market, self._households, grid, operator]
        made = aggregators.Aggregator.create(len(self._case.aggregators))
        self._aggregators = made
        by_name = dict(zip(self._case.aggregators, made, strict=True))
        for aggregator in made:
            self._secure(aggregator, operator)
        if self._ordered:
            market = self._start("market")
            for name in sorted(set(self._ordered)):
                order = market.ActivationMarket(aggregator=name)
                world.connect(order, by_name[name], "activation")
        homes = self._households.extra_info["homes"]
        self._row_of = {home: row for row, home in enumerate(homes)}
        behind_site: set[str] = set()
        for each in self._case.fleets:
            model = getattr(fleets, MODELS[each.sites.kind])
            fleet = model(aggregator=each.aggregator)
            self._bid(fleet, by_name[each.aggregator])
            self._load(fleet, fleet.extra_info["homes"])
            if fleet.type == "PvBatteryFleet":
                behind_site.update(self._put_behind(fleet))
            parties.append(fleet)
        alone = [home for home in homes if home not in behind_site]
        self._load(self._households, alone, self._of(alone))
        for party in [*parties, *made]:
            world.connect(party, results, "record")
        self._tell(results, on_progress)

    def _start(self, name: str, **params: Any) -> Any:
        return self._world.start(name, **self._params, **params)

    def _measure(self, grid: Entity, operator: Entity) -> None:
        """Let the DSO learn, a step later, what each transformer measured."""
        nothing = [0.0] * len(grid.extra_info["areas"])
        self._world.connect(
            grid,
            operator,
            *MEASURED,
            time_shifted=True,
            initial_data=dict.fromkeys(MEASURED, nothing),
        )

    def _secure(self, aggregator: Entity, operator: Entity) -> None:
        """Let an aggregator ask the DSO; it hears its own part of the answer."""
        self._world.connect(aggregator, operator, "offer")
        pick = itemgetter(aggregator.full_id)
        self._world.connect(operator, aggregator, "envelope", weak=True, transform=pick)

    def _bid(self, fleet: Entity, aggregator: Entity) -> None:
        """Let a fleet bid; it hears its own part of the answer."""
        for source in (self._weather, self._market):
            seen = SEES[fleet.type].keys() & source.model_mock.output_attrs
            self._world.connect(source, fleet, *sorted(seen))
        self._world.connect(fleet, aggregator, "bids")
        pick = itemgetter(fleet.full_id)
        self._world.connect(aggregator, fleet, "answer", weak=True, transform=pick)

    def _put_behind(self, fleet: Entity) -> list[str]:
        """Put the load of a fleet's homes behind its sites; return the homes."""
        homes: list[str] = fleet.extra_info["homes"]
        own = ("P[MW]", "P_load[MW]")
        self._world.connect(self._households, fleet, own, transform=self._of(homes))
        return homes

    def _load(
        self,
        source: Entity,
        homes: list[str],
        transform: Transform = lambda values: values,
    ) -> None:
        """Have the grid meter what a source says of its homes."""
        meters = self._grids.Meters(homes=homes)
        self._world.connect(source, meters, *TO_METERS, transform=transform)

    def _of(self, homes: list[str]) -> Transform:
        """Return what picks some homes' values from a list of all."""
        rows = [self._row_of[home] for home in homes]
        return lambda values: [values[row] for row in rows]

    def _tell(self, results: Entity, on_progress: OnProgress) -> None:
        steps = self._case.scenario.run.steps
        starter = PythonStarter(Watch, args=(on_progress, steps))
        watcher = self._world.start(starter, sim_id="Watch").Watch()
        self._world.connect(results, watcher, "steps_done")
