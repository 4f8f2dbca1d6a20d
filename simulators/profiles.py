"""mosaik adapter for what a scenario is fed with: weather, prices and household load.

Time-based. `Weather` and `Market` are one entity each; `Households` has a child `Home`
for every home, whose `P[MW]` and `Q[MVar]` are its own load, whoever's meter it is
behind. Powers are consumption.
"""

from typing import Any

import mosaik_api_v3
import numpy as np
from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest
from mosaik_components.bottomup.ports import KW_PER_MW, Columns, pick
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
META: Meta = {
    "api_version": "3.0",
    "type": "time-based",
    "models": {
        "Weather": {"public": True, "params": [], "attrs": [*WEATHER]},
        "Market": {"public": True, "params": [], "attrs": [*MARKET, "record"]},
        "Households": {"public": True, "params": [], "attrs": ["record"]},
        "Home": {"public": False, "params": [], "attrs": ["P[MW]", "Q[MVar]"]},
    },
}


class Simulator(mosaik_api_v3.Simulator):
    """The series of a scenario."""

    _setting: Setting

    def __init__(self) -> None:
        super().__init__(META)
        self._columns: Columns = {}

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
        factor = case.scenario.grid.household_power_factor
        self._tan_phi = float(np.tan(np.arccos(factor)))
        self._uncontrolled_kw = case.uncontrolled_kw
        return self.meta

    def create(self, num: int, model: str, **params: Any) -> list[CreateResult]:
        if num != 1:
            raise ValueError(f"there is one {model} only")
        entity: CreateResult = {"eid": model, "type": model}
        if model == "Households":
            names = self._setting.case.network.home_names
            entity["children"] = [{"eid": name, "type": "Home"} for name in names]
        return [entity]

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        step, series = self._setting.step(time), self._setting.case.series
        row = self._setting.lead + step

        def at(names: dict[str, str]) -> dict[str, float]:
            return {to: float(getattr(series, name)[row]) for to, name in names.items()}

        load_mw = series.household_kw[:, row] / KW_PER_MW
        homes = zip(
            self._setting.case.network.home_names,
            load_mw.tolist(),
            (self._tan_phi * load_mw).tolist(),
            strict=True,
        )
        households = {"power_kw": self._uncontrolled_kw[:, row].tolist()}
        self._columns = {
            "Weather": at(WEATHER),
            "Market": at(MARKET)
            | {"record": {"step": step, "groups": {"market": at(RECORDED)}}},
            "Households": {
                "record": {"step": step, "groups": {"households": households}}
            },
            **{name: {"P[MW]": p, "Q[MVar]": q} for name, p, q in homes},
        }
        return time + self._setting.step_size

    def get_data(self, outputs: OutputRequest) -> OutputData:
        return pick(self._columns, outputs)


def main() -> int:
    """Serve one: ``python -m mosaik_components.bottomup.profiles ADDR``."""
    return mosaik_api_v3.start_simulation(
        Simulator(), "Weather, prices and household load", configure_logging=False
    )


if __name__ == "__main__":
    raise SystemExit(main())
