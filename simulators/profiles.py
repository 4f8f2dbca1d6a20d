"""mosaik adapter for what a scenario is fed with: weather, prices and household load.

Time-based. `Weather` and `Market` are one entity each. `Households` is all homes:
`P[MW]` and `Q[MVar]` are lists of each home's own load, whoever's meter it is behind,
in the order of its ``extra_info["homes"]``; a child `Home` says its own number. There
are no children if started with ``children=False``. Powers are consumption.
"""

from typing import Any

import mosaik_api_v3
import numpy as np
from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest
from mosaik_components.bottomup.ports import KW_PER_MW, Children, Columns, pick
from mosaik_components.bottomup.setting import Setting, settle

WEATHER = {
    "T_ambient[degC]": "ambient_c",
    "GHI[W m-2]": "global_w_m2",
    "pv_yield[kW kWp-1]": "pv_kw_per_kwp",
}
MARKET = {
    "day_ahead_price[DKK kWh-1]": "day_ahead_dkk_per_kwh",
    "import_price[DKK kWh-1]": "import_dkk_per_kwh",
    "export_price[DKK kWh-1]": "export_dkk_per_kwh",
}
RECORDED = {
    "import_price": "import_dkk_per_kwh",
    "export_price": "export_dkk_per_kwh",
    "day_ahead_price": "day_ahead_dkk_per_kwh",
    "imbalance_price": "imbalance_dkk_per_kwh",
    "ambient": "ambient_c",
    "pv_yield": "pv_kw_per_kwp",
}
HOUSEHOLDS = "Households"
HOME = ("P[MW]", "Q[MVar]")
META: Meta = {
    "api_version": "3.0",
    "type": "time-based",
    "models": {
        "Weather": {"public": True, "params": [], "attrs": [*WEATHER]},
        "Market": {"public": True, "params": [], "attrs": [*MARKET, "record"]},
        HOUSEHOLDS: {"public": True, "params": [], "attrs": [*HOME, "record"]},
        "Home": {"public": False, "params": [], "attrs": [*HOME]},
    },
}


class Simulator(mosaik_api_v3.Simulator):
    """The series of a scenario."""

    _setting: Setting

    def __init__(self) -> None:
        super().__init__(META)
        self._columns: Columns = {}
        self._homes: Children = {}

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        scenario: str = "two_areas",
        step_size: int | None = None,
        children: bool = True,
        checkpoints: dict[str, Any] | None = None,
    ) -> Meta:
        self._setting = settle(scenario, time_resolution, step_size, checkpoints)
        self._has_children = children
        case = self._setting.case
        factor = case.scenario.grid.household_power_factor
        self._tan_phi = float(np.tan(np.arccos(factor)))
        self._is_uncontrolled = case.is_uncontrolled
        return self.meta

    def create(self, num: int, model: str, **params: Any) -> list[CreateResult]:
        if num != 1:
            raise ValueError(f"there is one {model} only")
        entity: CreateResult = {"eid": model, "type": model}
        if model == HOUSEHOLDS:
            names = list(self._setting.case.network.home_names)
            entity["extra_info"] = {"homes": names}
            if self._has_children:
                self._homes = {name: (model, row) for row, name in enumerate(names)}
                entity["children"] = [{"eid": name, "type": "Home"} for name in names]
        return [entity]

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        step, series = self._setting.step(time), self._setting.case.series
        row = self._setting.lead + step

        def at(names: dict[str, str]) -> dict[str, float]:
            return {to: float(getattr(series, name)[row]) for to, name in names.items()}

        load_kw = series.household_kw[:, row]
        uncontrolled_kw = np.where(self._is_uncontrolled, load_kw, 0.0)
        households = {"power_kw": uncontrolled_kw.tolist()}
        load_mw = load_kw / KW_PER_MW
        self._columns = {
            "Weather": at(WEATHER),
            "Market": at(MARKET)
            | {"record": {"step": step, "groups": {"market": at(RECORDED)}}},
            HOUSEHOLDS: {
                "P[MW]": load_mw.tolist(),
                "Q[MVar]": (self._tan_phi * load_mw).tolist(),
                "record": {"step": step, "groups": {"households": households}},
            },
        }
        return time + self._setting.step_size

    def get_data(self, outputs: OutputRequest) -> OutputData:
        return pick(self._columns, outputs, self._homes)


def main() -> int:
    """Serve one: ``python -m mosaik_components.bottomup.profiles ADDR``."""
    return mosaik_api_v3.start_simulation(
        Simulator(), "Weather, prices and household load", configure_logging=False
    )


if __name__ == "__main__":
    raise SystemExit(main())
