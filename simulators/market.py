"""mosaik adapter for the market of activations: calls each aggregator in its time.

Hybrid: it steps by itself. `activation` is a list of messages, all that an aggregator
is told when the notice of its orders begins; any other model that sends such lists to
an aggregator's `activation` takes part alike. It rarely has something to say, and still
steps with all others: mosaik keeps what was said since the last step of whoever is
furthest behind.
"""

from typing import Any

import mosaik_api_v3
from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest
from mosaik_components.bottomup.ports import packed, pick
from mosaik_components.bottomup.setting import Setting, settle

from mosaik_bottomup.case.orders import activations, notice_steps

META: Meta = {
    "api_version": "3.0",
    "type": "hybrid",
    "models": {
        "ActivationMarket": {
            "public": True,
            "params": ["aggregator"],
            "attrs": ["activation"],
            "trigger": [],
            "non-persistent": ["activation"],
        }
    },
}


class Simulator(mosaik_api_v3.Simulator):
    """The orders of a scenario, one entity for each aggregator that is to hear them."""

    _setting: Setting

    def __init__(self) -> None:
        super().__init__(META)
        self._columns: dict[str, dict[str, Any]] = {}
        self._aggregators: list[str] = []

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        scenario: str = "two_areas",
        step_size: int | None = None,
        checkpoints: dict[str, Any] | None = None,
    ) -> Meta:
        self._setting = settle(scenario, time_resolution, step_size, checkpoints)
        self._orders = activations(self._setting.case.scenario)
        return self.meta

    def create(
        self, num: int, model: str, aggregator: str = "", **params: Any
    ) -> list[CreateResult]:
        there = self._setting.case.aggregators
        if num != 1 or aggregator not in there or aggregator in self._aggregators:
            raise ValueError(
                f"one market for each aggregator ({', '.join(there)}), "
                f"and not {num} for {aggregator!r}"
            )
        self._aggregators.append(aggregator)
        return [{"eid": f"{model}-{aggregator}", "type": model}]

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        step = self._setting.step(time)
        notice = notice_steps(self._setting.case.scenario)
        self._columns = {}
        for aggregator, order in self._orders:
            called = max(order.start - notice, 0)
            if called == step and aggregator in self._aggregators:
                column = self._columns.setdefault(f"ActivationMarket-{aggregator}", {})
                column.setdefault("activation", []).append(packed(order))
        return time + self._setting.step_size

    def get_data(self, outputs: OutputRequest) -> OutputData:
        return pick(self._columns, outputs)


def main() -> int:
    """Serve one simulator: ``python -m mosaik_components.bottomup.market ADDR``."""
    return mosaik_api_v3.start_simulation(
        Simulator(), "Market of activations", configure_logging=False
    )


if __name__ == "__main__":
    raise SystemExit(main())
