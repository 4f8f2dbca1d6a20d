"""mosaik adapter for aggregators: bids in, set-points out, the DSO asked in between.

Event-based. `offer` goes to the DSO, which answers to `envelope`; `answer` is a dict by
the full id of the fleet, and the connection's ``transform`` picks one fleet's part, so
that none gets another's. `activation` takes lists of activations from any model, at any
time; those that come in a step are heard before its bids.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import mosaik_api_v3
import numpy as np
from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest
from mosaik_components.bottomup.ports import (
    only,
    packed,
    payload_bytes,
    pick,
    senders,
    unpacked,
)
from mosaik_components.bottomup.setting import Setting, settle

from mosaik_bottomup import parties
from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.aggregator import Aggregator
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
    Activation,
    BidBook,
    CongestionPrices,
    Dispatch,
    Envelope,
    Message,
    StoreReport,
)

WITH_FLEETS, WITH_DSO = "fleets-aggregators", "aggregators-operator"
"""The links an aggregator is on; it hears and says all that passes there."""
META: Meta = {
    "api_version": "3.0",
    "type": "event-based",
    "models": {
        "Aggregator": {
            "public": True,
            "params": [],
            "attrs": ["bids", "offer", "envelope", "answer", "activation", "record"],
        }
    },
}


@dataclass(slots=True, eq=False)
class _Entity:
    """One aggregator, and what has been said in this step."""

    aggregator: Aggregator
    fleets: tuple[str, ...] = ()
    """Who waits for an answer."""
    sent: int = 0
    answered: int = 0
    passed_bytes: dict[str, int] = field(
        default_factory=lambda: {WITH_FLEETS: 0, WITH_DSO: 0}
    )
    """Payload of all messages, both ways, by link."""


class Simulator(mosaik_api_v3.Simulator):
    """Aggregators of a scenario, named in the order in which they are made."""

    _setting: Setting

    def __init__(self) -> None:
        super().__init__(META)
        self._entities: dict[str, _Entity] = {}
        self._columns: dict[str, dict[str, Any]] = {}

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        scenario: str = "two_areas",
        step_size: int | None = None,
        first: int = 0,
    ) -> Meta:
        self._setting = settle(scenario, time_resolution, step_size)
        self._sid, self._first = sid, first
        self._kinds = {it.name: it.sites.kind for it in self._setting.case.fleets}
        return self.meta

    def create(self, num: int, model: str, **params: Any) -> list[CreateResult]:
        there = self._setting.case.aggregators
        made = self._first + len(self._entities)
        names = there[made : made + num]
        if len(names) != num:
            raise ValueError(f"the scenario has only {', '.join(there)}")
        for name in names:
            aggregator = parties.aggregator(self._setting.case.scenario)
            self._entities[name] = _Entity(aggregator)
        return [{"eid": name, "type": model} for name in names]

    def step(self, time: int, inputs: InputData, max_advance: int) -> None:
        step = self._setting.step(time)
        self._columns = {}
        for name in inputs:
            entity = self._entities[name]
            if "activation" in inputs[name]:
                self._hear_market(step, name, entity, inputs)
            if "bids" in inputs[name]:
                self._columns[name] = self._hear_fleets(name, entity, inputs)
            elif "envelope" in inputs[name]:
                self._columns[name] = self._hear_dso(name, entity, inputs)
            else:
                continue
            record = entity.aggregator.record
            if record is not None:
                self._columns[name]["record"] = _recorded(step, entity, self._kinds)
                entity.aggregator.record = None
                entity.sent = entity.answered = 0
                entity.passed_bytes = dict.fromkeys(entity.passed_bytes, 0)

    def get_data(self, outputs: OutputRequest) -> OutputData:
        return pick(self._columns, outputs)

    def _hear_fleets(
        self, name: str, entity: _Entity, inputs: InputData
    ) -> dict[str, Any]:
        if entity.sent != entity.answered or "envelope" in inputs[name]:
            raise InvariantError(f"{name}: fleets bid anew, and the DSO owes an answer")
        said = {
            fleet: unpacked(value, StoreReport, BidBook)
            for fleet, value in senders(inputs, name, "bids").items()
        }
        entity.fleets = tuple(said)
        _count(entity, WITH_FLEETS, said.values())
        reply = entity.aggregator.hear_fleets(said)
        if isinstance(reply, dict):
            _count(entity, WITH_FLEETS, reply.values())
            return {"answer": _packed_each(reply)}
        entity.sent += 1
        _count(entity, WITH_DSO, [reply])
        return {"offer": packed(reply)}

    def _hear_market(
        self, step: int, name: str, entity: _Entity, inputs: InputData
    ) -> None:
        """Take orders, and refuse those that come when the step is under way."""
        for said in senders(inputs, name, "activation").values():
            for value in said:
                order = unpacked(value, Activation)
                entity.aggregator.hear_activation(order, step)

    def _hear_dso(
        self, name: str, entity: _Entity, inputs: InputData
    ) -> dict[str, Any]:
        if entity.sent == entity.answered:
            raise InvariantError(f"{name}: the DSO answers what was not asked")
        entity.answered += 1
        value = only(inputs, name, "envelope")
        by = f"{self._sid}.{name}"
        heard = unpacked(value, CongestionPrices, Envelope, by)
        _count(entity, WITH_DSO, [heard])
        reply = entity.aggregator.hear_dso(heard)
        if isinstance(reply, dict):
            _count(entity, WITH_FLEETS, reply.values())
            return {"answer": _packed_each(reply)}
        _count(entity, WITH_FLEETS, [reply] * len(entity.fleets))
        return {"answer": {fleet: packed(reply, fleet) for fleet in entity.fleets}}


def _count(entity: _Entity, link: str, messages: Iterable[Message]) -> None:
    entity.passed_bytes[link] += sum(map(payload_bytes, messages))


def _packed_each(dispatches: dict[str, Dispatch]) -> dict[str, Any]:
    return {fleet: packed(dispatch, fleet) for fleet, dispatch in dispatches.items()}


def _recorded(step: int, entity: _Entity, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the last real step as the recorder wants it.

    Parameters
    ----------
    step, entity
        When and whose.
    kinds
        Group of the sites of each fleet, by its name.
    """
    record = asdict(entity.aggregator.record)  # type: ignore[arg-type]
    causes = record.pop("causes")
    own = (
        "schedule_kw",
        "day_ahead_kw",
        "traded_kw",
        "activation_ordered_kw",
        "activation_vetoed_kw",
    )
    aggregator = {
        **{key: _finite(np.array([record.pop(key)])) for key in own},
        "plan_kw": [float(record["plan_kw"].sum())],
    }
    sites = {
        kinds[name]: {key: at.tolist() for key, at in table.items()}
        for fleet, table in causes.pop("sites").items()
        if (name := fleet.partition(".")[2]) in kinds  # and not somebody else's own
    }
    return {
        "step": step,
        "groups": {
            "aggregators": aggregator,
            "portfolios": {
                key: _finite(values) for key, values in (record | causes).items()
            },
            **sites,
        },
        "messages": {WITH_DSO: [entity.sent, entity.answered]},
        "payload_bytes": entity.passed_bytes,
    }


def _finite(values: FloatArray) -> list[float | None]:
    """Return values with None for what there was none of, such as a bound."""
    return [at if np.isfinite(at) else None for at in values.tolist()]


def main() -> int:
    """Serve one simulator: ``python -m mosaik_components.bottomup.aggregator ADDR``."""
    return mosaik_api_v3.start_simulation(
        Simulator(), "Aggregators of flexible homes", configure_logging=False
    )


if __name__ == "__main__":
    raise SystemExit(main())
