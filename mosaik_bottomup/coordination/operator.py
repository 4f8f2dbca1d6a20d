"""What every DSO at the table has in common, whatever it does about its limits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.stage_two import Room
from mosaik_bottomup.messages import (
    AreaOffer,
    CongestionPrices,
    Envelope,
    Moment,
    StoreOffer,
)


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What the DSO expects of ``t`` steps."""

    uncontrolled_kw: FloatArray
    """Shape ``(a, t)``."""
    uncontrolled_kvar: FloatArray
    """Shape ``(a, t)``."""
    import_dkk_per_kwh: FloatArray
    """Retail price, shape ``(t,)``."""
    export_dkk_per_kwh: FloatArray
    """Shape ``(t,)``."""
    margin_kw: FloatArray = field(default_factory=lambda: np.zeros((2, 1, 1)))
    """How much more load, and how much less, the limits are to bear, shape
    ``(2, a, t)`` or what spreads over it."""


type Capability = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""``capability(reactive_kvar)``: highest import and export in kW at the meters that
keep the loading within its limit at that reactive power; shapes ``(a, t)``."""


class Operator(Protocol):
    """A DSO in the negotiation."""

    record: dict[str, FloatArray]
    """The last real step."""

    @property
    def forecast(self) -> Callable[[int, int, int], Forecast]:
        """``forecast(made_at, step, steps)``: what it knows then of later steps."""

    def hear(
        self, offers: Mapping[str, StoreOffer | AreaOffer]
    ) -> Mapping[str, CongestionPrices | Envelope]:
        """Return the answer to every aggregator."""


def room_of_step(
    forecast: Callable[[int, int, int], Forecast],
    capability: Capability,
    offers: Mapping[str, AreaOffer],
    moment: Moment,
) -> Room:
    """Return what the transformers leave in the step that offers are about."""
    now = forecast(moment.now, moment.step, 1)
    reactive = np.sum([it.reactive_max_kvar for it in offers.values()], axis=0)
    most, least = capability(now.uncontrolled_kvar + reactive[:, None])
    more, less = np.broadcast_to(now.margin_kw, (2, *most.shape))[:, :, 0]
    return Room(now.uncontrolled_kw[:, 0], most[:, 0] - more, least[:, 0] - less, more)


def planned_kw(offers: Mapping[str, AreaOffer], room: Room) -> FloatArray:
    """Return what each area would draw if every plan came true, shape ``(a,)``."""
    plans = np.sum([it.plan_kw for it in offers.values()], axis=0)
    total: FloatArray = room.uncontrolled_kw + plans
    return total


def open_envelope(
    areas: int,
    moment: Moment,
    *,
    again: bool = False,
    commit: int | None = None,
    site_cap_kw: FloatArray | None = None,
) -> Envelope:
    """Return an envelope that bounds nobody's sum."""
    unbound = np.full(areas, np.inf)
    return Envelope(-unbound, unbound, again, commit, moment, site_cap_kw)


def area_record(
    room: Room,
    *,
    congestion_price: FloatArray | None = None,
    look_ahead_price: FloatArray | None = None,
    overload_kw: FloatArray | None = None,
) -> dict[str, FloatArray]:
    """Return a real step as the results file wants it; NaN where there was none."""
    unknown = np.full(room.import_kw.size, np.nan)

    def known(values: FloatArray | None) -> FloatArray:
        return unknown if values is None else values

    return {
        "import_limit_kw": room.import_kw,
        "export_limit_kw": room.export_kw,
        "uncontrolled_forecast_kw": room.uncontrolled_kw,
        "forecast_margin_kw": known(room.margin_kw),
        "congestion_price": known(congestion_price),
        "look_ahead_price": known(look_ahead_price),
        "forecast_overload_kw": known(overload_kw),
    }
