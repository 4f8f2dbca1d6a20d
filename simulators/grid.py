"""mosaik adapter for the grid: a power flow in every step.

Time-based. `Grid` has children `Transformer`, `Bus`, `Line`, and a `Home` for every
meter: what is sent to a home's `P_load[MW]` and `Q_load[MVar]` is summed, `P_gen[MW]`
is taken off. `Meters` of many homes, made for a list of their names, take lists of
numbers in that order, which add to what comes to the homes themselves. A transformer's
powers are those at its high-voltage side, import positive; `P_meters[MW]` and
`Q_meters[MVar]` are the sums over its homes. `Grid` says what its transformers say as
lists, in the order of its ``extra_info["areas"]``, and has no children if started with
``children=False``.
"""

from collections.abc import Sequence
from typing import Any

import mosaik_api_v3
import numpy as np
from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest
from mosaik_components.bottomup.ports import KW_PER_MW, pick, summed
from mosaik_components.bottomup.setting import Setting, settle

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.grid.medium_voltage import loading_of_points
from mosaik_bottomup.grid.power_flow import (
    PowerFlow,
    PowerFlowError,
    PowerFlowResult,
    area_sums,
)

GRID, METERS, HOME = "Grid", "Meters", "Home"
BALANCE_TOLERANCE = 1e-6
"""Relative; forgives what a power flow's iteration leaves."""
TRANSFORMER = ("loading[%]", "P[MW]", "Q[MVar]", "P_meters[MW]", "Q_meters[MVar]")
BUS = ("Vm[pu]",)
LINE = ("loading[%]", "I[kA]")
HOME_IN = ("P_load[MW]", "Q_load[MVar]", "P_gen[MW]")
HOME_OUT = ("P[MW]", "Q[MVar]", "Vm[pu]")
META: Meta = {
    "api_version": "3.0",
    "type": "time-based",
    "models": {
        GRID: {"public": True, "params": [], "attrs": [*TRANSFORMER, "record"]},
        METERS: {"public": True, "params": ["homes"], "attrs": [*HOME_IN]},
        "Transformer": {"public": False, "params": [], "attrs": [*TRANSFORMER]},
        "Bus": {"public": False, "params": [], "attrs": [*BUS]},
        "Line": {"public": False, "params": [], "attrs": [*LINE]},
        HOME: {"public": False, "params": [], "attrs": [*HOME_IN, *HOME_OUT]},
    },
}


class Simulator(mosaik_api_v3.Simulator):
    """All areas of a scenario."""

    _setting: Setting
    _power_flow: PowerFlow

    def __init__(self) -> None:
        super().__init__(META)
        self._columns: dict[str, dict[str, Any]] = {}
        self._children: dict[str, tuple[str, int]] = {}
        self._homes: dict[str, int] = {}
        """Row of each home that has an entity."""
        self._meters: dict[str, IntArray] = {}
        """Rows of the homes of each `Meters`."""

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        scenario: str = "two_areas",
        step_size: int | None = None,
        children: bool = True,
        checkpoints: dict[str, Any] | None = None,
    ) -> Meta:
        self._has_children = children
        self._setting = settle(scenario, time_resolution, step_size, checkpoints)
        case = self._setting.case
        self._power_flow = PowerFlow(case.network, case.scenario.grid.engine)
        return self.meta

    def create(self, num: int, model: str, **params: Any) -> list[CreateResult]:
        if model == METERS:
            return [self._create_meters(**params) for _ in range(num)]
        if num != 1 or GRID in self._columns:
            raise ValueError("there is one grid only")
        self._columns[GRID] = {}
        areas = list(self._setting.case.network.areas)
        grid: CreateResult = {
            "eid": GRID,
            "type": model,
            "extra_info": {"areas": areas},
        }
        if self._has_children:
            grid["children"] = self._parts()
        return [grid]

    def _create_meters(self, homes: Sequence[str]) -> CreateResult:
        names = self._setting.case.network.home_names
        row_of = dict(zip(names, range(len(names)), strict=True))
        unknown = [home for home in homes if home not in row_of]
        if unknown or len(set(homes)) != len(homes):
            wrong = (
                f"there is no {', '.join(unknown)}" if unknown else "one comes twice"
            )
            raise ValueError(f"meters of {len(homes)} homes are wanted, and {wrong}")
        eid = f"{METERS}-{len(self._meters)}"
        self._meters[eid] = np.array([row_of[home] for home in homes], dtype=np.int64)
        return {"eid": eid, "type": METERS}

    def _parts(self) -> list[CreateResult]:
        network = self._setting.case.network
        bus_names = network.bus_names
        children: list[CreateResult] = [
            {
                "eid": name,
                "type": "Transformer",
                "rel": [bus_names[hv], bus_names[lv]],
                "extra_info": {"area": area},
            }
            for name, area, hv, lv in zip(
                network.transformer_names,
                network.areas,
                network.transformers.hv_bus,
                network.transformers.lv_bus,
                strict=True,
            )
        ]
        children += [{"eid": name, "type": "Bus"} for name in bus_names]
        children += [
            {"eid": name, "type": "Line", "rel": [bus_names[one], bus_names[other]]}
            for name, one, other in zip(
                network.line_names,
                network.lines.from_bus,
                network.lines.to_bus,
                strict=True,
            )
        ]
        children += [
            {"eid": name, "type": "Home", "rel": [bus_names[bus]]}
            for name, bus in zip(network.home_names, network.home_bus, strict=True)
        ]
        count: dict[str, int] = {}
        for child in children:
            row = count.get(child["type"], 0)
            self._children[child["eid"]] = (child["type"], row)
            count[child["type"]] = row + 1
        self._homes = {name: row for row, name in enumerate(network.home_names)}
        return children

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        step = self._setting.step(time)
        p_kw, q_kvar = self._metered(step, inputs)
        try:
            flow = self._power_flow.solve(p_kw, q_kvar)
        except (PowerFlowError, ValueError) as error:
            raise InvariantError(f"step {step}: {error}") from error
        self._check_balance(step, p_kw, flow)
        self._show(step, p_kw, q_kvar, flow)
        return time + self._setting.step_size

    def get_data(self, outputs: OutputRequest) -> OutputData:
        return pick(self._columns, outputs, self._children)

    def _metered(self, step: int, inputs: InputData) -> tuple[FloatArray, FloatArray]:
        homes = self._setting.case.network.home_names
        load_mw, load_mvar, gen_mw = (
            summed(inputs, attr, len(homes), self._meters, self._homes)
            for attr in HOME_IN
        )
        p_mw = load_mw - gen_mw
        known = np.isfinite(p_mw) & np.isfinite(load_mvar)
        if not known.all():
            row = int(np.argmin(known))
            through = [eid for eid, rows in self._meters.items() if row in rows]
            names = {
                sender
                for eid in (homes[row], *through)
                for values in inputs.get(eid, {}).values()
                for sender in values
            }
            raise InvariantError(
                f"step {step}: {homes[row]} got no number from one of "
                f"{', '.join(sorted(names))}; a site has none if its bids were not "
                "answered"
            )
        return KW_PER_MW * p_mw, KW_PER_MW * load_mvar

    def _check_balance(
        self, step: int, p_kw: FloatArray, flow: PowerFlowResult
    ) -> None:
        network = self._setting.case.network
        gap_kw = flow.transformer_p_kw - area_sums(network, p_kw) - flow.losses_kw
        gross_kw = area_sums(network, np.abs(p_kw)) + flow.losses_kw
        wrong = ~(np.abs(gap_kw) <= BALANCE_TOLERANCE * gross_kw)
        if wrong.any():
            area = int(wrong.argmax())
            raise InvariantError(
                f"step {step}: area {network.areas[area]} takes {gap_kw[area]:g} kW "
                "more than its homes and losses"
            )

    def _show(
        self, step: int, p_kw: FloatArray, q_kvar: FloatArray, flow: PowerFlowResult
    ) -> None:
        network = self._setting.case.network
        voltage = flow.voltage_pu
        transformers = {
            "loading[%]": flow.transformer_loading_percent.tolist(),
            "P[MW]": (flow.transformer_p_kw / KW_PER_MW).tolist(),
            "Q[MVar]": (flow.transformer_q_kvar / KW_PER_MW).tolist(),
            "P_meters[MW]": (area_sums(network, p_kw) / KW_PER_MW).tolist(),
            "Q_meters[MVar]": (area_sums(network, q_kvar) / KW_PER_MW).tolist(),
        }
        groups = {
            "transformers": {
                "loading": flow.transformer_loading_percent,
                "power_kw": flow.transformer_p_kw,
                "reactive_kvar": flow.transformer_q_kvar,
                "losses_kw": flow.losses_kw,
            },
            "buses": {"voltage": voltage},
            "lines": {
                "loading": flow.line_loading_percent,
                "current": flow.line_current_ka,
            },
            "congestion_points": {
                "loading": loading_of_points(
                    network.points, flow.point_p_kw, flow.point_q_kvar
                ),
                "power_kw": flow.point_p_kw,
                "reactive_kvar": flow.point_q_kvar,
            },
        }
        record = {
            "step": step,
            "groups": {
                group: {key: values.tolist() for key, values in table.items()}
                for group, table in groups.items()
            },
            "meters_kw": p_kw.tolist(),
        }
        self._columns = {GRID: transformers | {"record": record}}
        if self._has_children:
            lists = record["groups"]
            self._columns |= {
                "Transformer": transformers,
                "Bus": {"Vm[pu]": lists["buses"]["voltage"]},
                "Line": {
                    "loading[%]": lists["lines"]["loading"],
                    "I[kA]": lists["lines"]["current"],
                },
                HOME: {
                    "P[MW]": (p_kw / KW_PER_MW).tolist(),
                    "Q[MVar]": (q_kvar / KW_PER_MW).tolist(),
                    "Vm[pu]": voltage[network.home_bus].tolist(),
                },
            }


def main() -> int:
    """Serve one simulator: ``python -m mosaik_components.bottomup.grid ADDR``."""
    return mosaik_api_v3.start_simulation(
        Simulator(), "Low-voltage grids by power flow", configure_logging=False
    )


if __name__ == "__main__":
    raise SystemExit(main())
