"""mosaik adapter for the DSO: offers in, envelopes out, and lessons from the grid.

Hybrid: it steps by itself, to learn, and with every round of `offer`. `envelope` is a
dict by the full id of the aggregator; the connection's ``transform`` picks one's part.
Its children, the areas, take what the grid measured in the step before (connect them
time-shifted), or the operator itself lists of it, in their order; without, nothing is
learned. Where forecasts err, what it has measured of
the uncontrolled load up to the step before are the case's own series: the smart-meter
sums of the homes without devices.
"""

from typing import Any

import mosaik_api_v3
import numpy as np
from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest
from mosaik_components.bottomup.ports import (
    KW_PER_MW,
    only,
    packed,
    pick,
    senders,
    unpacked,
)
from mosaik_components.bottomup.setting import Setting, settle

from mosaik_bottomup import parties
from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.congestion_points import Room
from mosaik_bottomup.coordination.operator import Operator, area_record
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.grid.headroom import Headroom, correct
from mosaik_bottomup.messages import AreaOffer, StoreOffer

OPERATOR = "Operator"
MEASURED = {"P_meters[MW]": KW_PER_MW, "Q_meters[MVar]": KW_PER_MW, "loading[%]": 1.0}
"""What an area measures, with the factor to kW, kvar and percent."""
META: Meta = {
    "api_version": "3.0",
    "type": "hybrid",
    "models": {
        OPERATOR: {
            "public": True,
            "params": [],
            "attrs": ["offer", "envelope", "record", *MEASURED],
            "trigger": ["offer"],
            "non-persistent": ["envelope", "record"],
        },
        "Area": {"public": False, "params": [], "attrs": [*MEASURED]},
    },
}


class Simulator(mosaik_api_v3.Simulator):
    """The operator of all areas of a scenario."""

    _setting: Setting
    _operator: Operator
    _headroom: Headroom

    def __init__(self) -> None:
        super().__init__(META)
        self._column: dict[str, Any] = {}
        self._step = -1

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        scenario: str = "two_areas",
        step_size: int | None = None,
    ) -> Meta:
        self._setting = settle(scenario, time_resolution, step_size)
        return self.meta

    def create(self, num: int, model: str, **params: Any) -> list[CreateResult]:
        if num != 1:
            raise ValueError("there is one operator only")
        areas: list[CreateResult] = [
            {"eid": area, "type": "Area"} for area in self._setting.case.network.areas
        ]
        return [{"eid": OPERATOR, "type": model, "children": areas}]

    def setup_done(self) -> None:
        made = self._setting.case
        self._is_asked = parties.STRATEGIES[made.scenario.run.strategy].asks_dso
        self._correction = np.ones(len(made.network.areas))
        self._headroom = parties.fit_headroom(made.network)
        self._operator = parties.system_operator(
            made, self._headroom, lambda: self._correction
        )

    def step(self, time: int, inputs: InputData, max_advance: int) -> int | None:
        step, self._column = self._setting.step(time), {}
        following = None
        if step != self._step:
            self._step = step
            self._learn(inputs)
            following = time + self._setting.step_size
            if not self._is_asked:
                self._record_forecast()
        offers = {
            name: unpacked(value, StoreOffer, AreaOffer)
            for name, value in senders(inputs, OPERATOR, "offer").items()
        }
        if offers:
            self._secure(offers)
        return following

    def get_data(self, outputs: OutputRequest) -> OutputData:
        return pick({OPERATOR: self._column}, outputs)

    def _learn(self, inputs: InputData) -> None:
        areas = self._setting.case.network.areas
        is_listed = MEASURED.keys() & inputs.get(OPERATOR, {}).keys()
        if not is_listed and not any(area in inputs for area in areas):
            return
        p_kw, q_kvar, loading_percent = (
            factor
            * np.array(
                only(inputs, OPERATOR, attr)
                if is_listed
                else [only(inputs, area, attr) for area in areas],
                dtype=float,
            )
            for attr, factor in MEASURED.items()
        )
        self._correction = correct(
            self._headroom, p_kw, q_kvar, loading_percent, self._correction
        )

    def _secure(self, offers: dict[str, StoreOffer | AreaOffer]) -> None:
        moment = next(iter(offers.values())).moment
        if moment.rehearsal is None and moment.step != self._step:
            raise InvariantError(f"step {self._step}: an offer is about {moment}")
        answers = self._operator.hear(offers)
        self._column["envelope"] = {
            name: packed(answer, name) for name, answer in answers.items()
        }
        if self._operator.record:
            self._record(self._operator.record)
            self._operator.record = {}

    def _record_forecast(self) -> None:
        """Record what the DSO expects where nobody asks it."""
        load_kw = self._operator.forecast(self._step, self._step, 1).uncontrolled_kw[
            :, 0
        ]
        unknown = np.full(load_kw.size, np.nan)
        self._record(area_record(Room(load_kw, unknown, unknown)))

    def _record(self, record: dict[str, FloatArray]) -> None:
        areas = {
            key: [at if np.isfinite(at) else None for at in values.tolist()]
            for key, values in record.items()
        }
        self._column["record"] = {"step": self._step, "groups": {"areas": areas}}


def main() -> int:
    """Serve one simulator: ``python -m mosaik_components.bottomup.dso ADDR``."""
    return mosaik_api_v3.start_simulation(
        Simulator(), "Distribution system operator", configure_logging=False
    )


if __name__ == "__main__":
    raise SystemExit(main())
