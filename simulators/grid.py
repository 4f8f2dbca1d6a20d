"""mosaik adapter for the grid: a power flow in every step.

Time-based. `Grid` has children `Transformer`, `Bus`, `Line`, and a `Home` for every
meter: what is sent to a home's `P_load[MW]` and `Q_load[MVar]` is summed, `P_gen[MW]`
is taken off. A transformer's powers are those at its high-voltage side, import
positive; `P_meters[MW]` and `Q_meters[MVar]` are the sums over its homes.
"""

from typing import Any

import mosaik_api_v3
import numpy as np
from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest
from mosaik_components.bottomup.ports import KW_PER_MW
from mosaik_components.bottomup.setting import Setting, settle

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.grid.power_flow import (
    PowerFlow,
    PowerFlowError,
    PowerFlowResult,
    area_sums,
)

GRID = "Grid"
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
        GRID: {"public": True, "params": [], "attrs": ["record"]},
        "Transformer": {"public": False, "params": [], "attrs": [*TRANSFORMER]},
        "Bus": {"public": False, "params": [], "attrs": [*BUS]},
        "Line": {"public": False, "params": [], "attrs": [*LINE]},
        "Home": {"public": False, "params": [], "attrs": [*HOME_IN, *HOME_OUT]},
    },
}


class Simulator(mosaik_api_v3.Simulator):
    """All areas of a scenario."""

    _setting: Setting
    _power_flow: PowerFlow

    def __init__(self) -> None:
        super().__init__(META)
        self._tables: dict[str, dict[str, FloatArray]] = {}
        self._record: dict[str, Any] = {}
        self._row: dict[str, tuple[str, int]] = {}

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        scenario: str = "two_areas",
        step_size: int | None = None,
        checkpoints: dict[str, Any] | None = None,
    ) -> Meta:
        self._setting = settle(scenario, time_resolution, step_size, checkpoints)
        case = self._setting.case
        self._power_flow = PowerFlow(case.network, case.scenario.grid.engine)
        return self.meta

    def create(self, num: int, model: str, **params: Any) -> list[CreateResult]:
        if num != 1:
            raise ValueError("there is one grid only")
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
            self._row[child["eid"]] = (child["type"], row)
            count[child["type"]] = row + 1
        return [{"eid": GRID, "type": model, "children": children}]

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        step = self._setting.step(time)
        p_kw, q_kvar = self._meters(step, inputs)
        try:
            flow = self._power_flow.solve(p_kw, q_kvar)
        except (PowerFlowError, ValueError) as error:
            raise InvariantError(f"step {step}: {error}") from error
        self._check_balance(step, p_kw, flow)
        self._show(step, p_kw, q_kvar, flow)
        return time + self._setting.step_size

    def get_data(self, outputs: OutputRequest) -> OutputData:
        return {
            eid: {attr: self._value(eid, attr) for attr in attrs}
            for eid, attrs in outputs.items()
        }

    def _value(self, eid: str, attr: str) -> Any:
        if eid == GRID:
            return self._record
        model, row = self._row[eid]
        return float(self._tables[model][attr][row])

    def _meters(self, step: int, inputs: InputData) -> tuple[FloatArray, FloatArray]:
        homes = self._setting.case.network.home_names
        p_mw, q_mvar = np.zeros(len(homes)), np.zeros(len(homes))
        for row, home in enumerate(homes):
            sent = inputs.get(home, {})
            p_mw[row] = sum(sent.get("P_load[MW]", {}).values())
            p_mw[row] -= sum(sent.get("P_gen[MW]", {}).values())
            q_mvar[row] = sum(sent.get("Q_load[MVar]", {}).values())
        known = np.isfinite(p_mw) & np.isfinite(q_mvar)
        if not known.all():
            home = homes[int(np.argmin(known))]
            names = {sender for values in inputs[home].values() for sender in values}
            raise InvariantError(
                f"step {step}: {home} got no number from one of "
                f"{', '.join(sorted(names))}; a site has none if its bids were not "
                "answered"
            )
        return KW_PER_MW * p_mw, KW_PER_MW * q_mvar

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
        self._tables = {
            "Transformer": {
                "loading[%]": flow.transformer_loading_percent,
                "P[MW]": flow.transformer_p_kw / KW_PER_MW,
                "Q[MVar]": flow.transformer_q_kvar / KW_PER_MW,
                "P_meters[MW]": area_sums(network, p_kw) / KW_PER_MW,
                "Q_meters[MVar]": area_sums(network, q_kvar) / KW_PER_MW,
            },
            "Bus": {"Vm[pu]": voltage},
            "Line": {
                "loading[%]": flow.line_loading_percent,
                "I[kA]": flow.line_current_ka,
            },
            "Home": {
                "P[MW]": p_kw / KW_PER_MW,
                "Q[MVar]": q_kvar / KW_PER_MW,
                "Vm[pu]": voltage[network.home_bus],
            },
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
        }
        self._record = {
            "step": step,
            "groups": {
                group: {key: values.tolist() for key, values in table.items()}
                for group, table in groups.items()
            },
            "meters_kw": p_kw.tolist(),
        }


def main() -> int:
    """Serve one simulator: ``python -m mosaik_components.bottomup.grid ADDR``."""
    return mosaik_api_v3.start_simulation(
        Simulator(), "Low-voltage grids by power flow", configure_logging=False
    )


if __name__ == "__main__":
    raise SystemExit(main())
