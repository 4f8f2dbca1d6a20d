"""mosaik adapter for fleets of sites that bid: heat-pump homes and PV/battery homes.

Hybrid. One entity is all homes of one kind under contract with one aggregator. A step
begins with what the fleet sends to `bids`; every value of `answer` may bring another,
and the fleet's silence ends mosaik's same-time loop. The homes' powers are consumption,
and hold for the whole step; `T_indoor[degC]` and `E[kWh]` are those at its end. A fleet
says and hears lists, in the order of its ``extra_info["homes"]``, and a child for each
home its own number; there are no children if started with ``children=False``. With the
parameter `set_points`, a file of `mosaik_bottomup.set_points`, homes do what stands
there.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mosaik_api_v3
import numpy as np
from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest
from mosaik_components.bottomup.ports import (
    KW_PER_MW,
    only,
    packed,
    pick,
    summed,
    unpacked,
)
from mosaik_components.bottomup.setting import Setting, settle

from mosaik_bottomup import set_points as set_point_file
from mosaik_bottomup.case.fleets import Fleet
from mosaik_bottomup.devices.agent import FleetAgent
from mosaik_bottomup.devices.heat_pump import HeatPumpState
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import BidBook, CongestionPrices, Dispatch, StoreReport
from mosaik_bottomup.parties import fleet_agent

KINDS = {"HeatPumpFleet": "heat_pumps", "PvBatteryFleet": "pv_batteries"}
SITES = {"HeatPumpFleet": "HeatPumpSite", "PvBatteryFleet": "PvBatterySite"}
SEES = {
    "HeatPumpFleet": {
        "T_ambient[degC]": "ambient_c",
        "GHI[W m-2]": "global_w_m2",
        "import_price[DKK kWh-1]": "import_dkk_per_kwh",
    },
    "PvBatteryFleet": {
        "pv_yield[kW kWp-1]": "pv_kw_per_kwp",
        "import_price[DKK kWh-1]": "import_dkk_per_kwh",
        "export_price[DKK kWh-1]": "export_dkk_per_kwh",
    },
}
"""What reaches a fleet, and where it belongs in an outlook."""
STATE = {
    "HeatPumpFleet": ("T_indoor[degC]", "air_c"),
    "PvBatteryFleet": ("E[kWh]", "energy_kwh"),
}
OUTPUTS = {model: ("P[MW]", "Q[MVar]", state) for model, (state, _) in STATE.items()}
"""What a site shows."""
LOAD = "P_load[MW]"
TAKES = {"HeatPumpFleet": (), "PvBatteryFleet": (LOAD,)}
"""What is behind a site's meter besides."""
META: Meta = {
    "api_version": "3.0",
    "type": "hybrid",
    "models": {
        **{
            model: {
                "public": True,
                "params": ["aggregator"],
                "attrs": [
                    *sees,
                    *TAKES[model],
                    *OUTPUTS[model],
                    "answer",
                    "bids",
                    "record",
                ],
                "trigger": ["answer"],
                "non-persistent": ["bids", "record"],
            }
            for model, sees in SEES.items()
        },
        **{
            site: {
                "public": False,
                "params": [],
                "attrs": [*OUTPUTS[model], *TAKES[model]],
            }
            for model, site in SITES.items()
        },
    },
}


@dataclass(slots=True, eq=False)
class _Entity:
    """One fleet: its agent, and what has been said in this step."""

    model: str
    fleet: Fleet
    agent: FleetAgent
    start: dict[str, list[float]] = field(default_factory=dict)
    """State at the start of the run."""
    shown: dict[str, list[float]] = field(default_factory=dict)
    """What its homes do in this step."""
    sent: int = 0
    answered: int = 0


class Simulator(mosaik_api_v3.Simulator):
    """Fleets of a scenario; all of them, or some."""

    _setting: Setting
    _told: Path | None

    def __init__(self) -> None:
        super().__init__(META)
        self._models: dict[str, tuple[str, Fleet]] = {}
        self._entities: dict[str, _Entity] = {}
        self._columns: dict[str, dict[str, Any]] = {}
        self._children: dict[str, tuple[str, int]] = {}
        self._step = -1

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        scenario: str = "two_areas",
        step_size: int | None = None,
        set_points: str | None = None,
        children: bool = True,
        checkpoints: dict[str, Any] | None = None,
    ) -> Meta:
        self._sid = sid
        self._told = Path(set_points) if set_points else None
        self._has_children = children
        self._setting = settle(scenario, time_resolution, step_size, checkpoints)
        return self.meta

    def create(self, num: int, model: str, *, aggregator: str) -> list[CreateResult]:
        case = self._setting.case
        fleets = {
            fleet.aggregator: fleet
            for fleet in case.fleets
            if fleet.sites.kind == KINDS[model]
        }
        if aggregator not in fleets or num != 1:
            there = ", ".join(fleets) or "nobody"
            raise ValueError(
                f"one {model} each is under contract with {there}; "
                f"{num} are wanted with {aggregator}"
            )
        fleet = fleets[aggregator]
        self._models[fleet.name] = (model, fleet)
        homes = [case.network.home_names[home] for home in fleet.sites.fleet.home]
        entity: CreateResult = {
            "eid": fleet.name,
            "type": model,
            "extra_info": {"homes": homes},
        }
        if self._has_children:
            sites = fleet.sites.fleet.site
            self._children |= {
                site: (fleet.name, row) for row, site in enumerate(sites)
            }
            entity["children"] = [
                {"eid": site, "type": SITES[model], "extra_info": {"home": home}}
                for site, home in zip(sites, homes, strict=True)
            ]
        return [entity]

    def setup_done(self) -> None:
        for name, (model, fleet) in self._models.items():
            told_kw = set_point_file.read(self._told, name) if self._told else None
            agent = fleet_agent(self._setting.case, fleet, told_kw)
            self._entities[name] = _Entity(model, fleet, agent, _start(agent.state))
        agents = {name: entity.agent for name, entity in self._entities.items()}
        self._setting.checkpoints.take_up(self._sid, agents)

    def step(self, time: int, inputs: InputData, max_advance: int) -> int | None:
        for name, entity in self._entities.items():
            self._columns[name] = dict(entity.shown)
        step = self._setting.step(time)
        if step == self._step:
            for name, entity in self._entities.items():
                if "answer" in inputs.get(name, {}):
                    self._hear(name, entity, only(inputs, name, "answer"))
            return None
        agents = {name: entity.agent for name, entity in self._entities.items()}
        self._setting.checkpoints.keep(self._sid, step, agents)
        self._step = step
        for name, entity in self._entities.items():
            if entity.sent != entity.answered:
                raise InvariantError(
                    f"step {step}: {name} still waits for an answer to its message"
                )
            entity.sent = entity.answered = 0
            # unknown until the homes act, so that nobody takes the last step's for new
            unknown = [float("nan")] * len(entity.fleet.sites.fleet.site)
            entity.shown = dict.fromkeys(OUTPUTS[entity.model], unknown)
            self._columns[name] |= entity.shown
            self._say(name, entity, entity.agent.begin(step, self._now(entity, inputs)))
        return time + self._setting.step_size

    def get_data(self, outputs: OutputRequest) -> OutputData:
        return pick(self._columns, outputs, self._children)

    def _hear(self, name: str, entity: _Entity, value: dict[str, Any]) -> None:
        entity.answered += 1
        by = f"{self._sid}.{name}"
        reply = entity.agent.answer(unpacked(value, CongestionPrices, Dispatch, by))
        if reply is not None:
            self._say(name, entity, reply)
            return
        links = {"fleets-aggregators": [entity.sent, entity.answered]}
        record = entity.agent.record
        self._columns[name]["record"] = {
            "step": self._step,
            "groups": {
                KINDS[entity.model]: {key: at.tolist() for key, at in record.items()}
            },
            "start": entity.start,
            "messages": links,
        }
        self._act(entity)

    def _say(self, name: str, entity: _Entity, message: BidBook | StoreReport) -> None:
        entity.sent += 1
        self._columns[name]["bids"] = packed(message)

    def _act(self, entity: _Entity) -> None:
        """Let each home show what it does."""
        sites, record = entity.fleet.sites, entity.agent.record
        state, key = STATE[entity.model]
        power_kw = record["power_kw"]
        entity.shown = {
            "P[MW]": (power_kw / KW_PER_MW).tolist(),
            "Q[MVar]": (sites.reactive_kvar(power_kw) / KW_PER_MW).tolist(),
            state: record[key].tolist(),
        }
        self._columns[entity.fleet.name] |= entity.shown

    def _now(self, entity: _Entity, inputs: InputData) -> Outlook:
        """Return what has reached a fleet; what its kind does not see is unknown."""
        name, count = entity.fleet.name, len(entity.fleet.sites.fleet.site)
        unknown = np.full(1, np.nan)
        seen = dict.fromkeys(Outlook.__dataclass_fields__, unknown)
        for attr, key in SEES[entity.model].items():
            seen[key] = np.array([only(inputs, name, attr)], dtype=float)
        rows = {
            site: row
            for site, (fleet, row) in self._children.items()
            if fleet == name and site in inputs
        }
        load_mw = summed(inputs, LOAD, count, {name: np.arange(count)}, rows)
        return Outlook(**seen | {"load_kw": KW_PER_MW * load_mw[:, None]})


def _start(state: Any) -> dict[str, list[float]]:
    if isinstance(state, HeatPumpState):
        air_c, floor_c = state.temperature_c.T
        return {"start_air_c": air_c.tolist(), "start_floor_c": floor_c.tolist()}
    return {"start_energy_kwh": state.tolist()}


def main() -> int:
    """Serve one simulator: ``python -m mosaik_components.bottomup.fleet ADDR``."""
    return mosaik_api_v3.start_simulation(
        Simulator(), "Fleets of homes that bid", configure_logging=False
    )


if __name__ == "__main__":
    raise SystemExit(main())
