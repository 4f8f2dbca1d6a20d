"""What every DSO at the table has in common, whatever it does about its limits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.congestion_points import Room, SharedLimits
from mosaik_bottomup.coordination.rehearsal import ScheduleCheck
from mosaik_bottomup.messages import (
    AreaOffer,
    CongestionPrices,
    Envelope,
    Moment,
    StoreOffer,
)

PERCENT = 100.0


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

type SharedCapability = Callable[[FloatArray], SharedLimits]
"""``shared_capability(reactive_kvar)``: the limits that areas share, at that reactive
power of each area, ``(a, t)``; limits of shape ``(m, t)``."""


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
    shared: SharedCapability | None = None,
) -> Room:
    """Return what the transformers leave in the step that offers are about."""
    now = forecast(moment.now, moment.step, 1)
    reactive = np.sum([it.reactive_max_kvar for it in offers.values()], axis=0)
    kvar = now.uncontrolled_kvar + reactive[:, None]
    most, least = capability(kvar)
    most, least, margin = less_margin(most, least, now.margin_kw)
    limits = None if shared is None else less_sums(shared(kvar), now.margin_kw).at(0)
    load = now.uncontrolled_kw[:, 0]
    return Room(load, most[:, 0], least[:, 0], margin[:, 0], limits)


def less_margin(
    import_kw: FloatArray, export_kw: FloatArray, margin_kw: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the limits less the margins, and the import's margin; all ``(a, t)``.

    Of margins that leave nothing between the limits, both are cut alike until they do.
    """
    more, less = np.broadcast_to(margin_kw, (2, *import_kw.shape))
    between, both = np.maximum(import_kw + export_kw, 0.0), more + less
    part = np.where(both > between, between / np.where(both > 0, both, 1.0), 1.0)
    return import_kw - part * more, export_kw - part * less, part * more


def less_sums(limits: SharedLimits, margin_kw: FloatArray) -> SharedLimits:
    """Return shared limits less the margins of all their areas, ``(2, a, t)``.

    As if all forecasts were wrong the same way at a time.
    """
    wide = (2, limits.member.shape[1], limits.import_kw.shape[1])
    more, less = np.broadcast_to(margin_kw, wide)
    margins = np.stack([limits.total(more), limits.total(less)])
    most, least, _ = less_margin(limits.import_kw, limits.export_kw, margins)
    return replace(limits, import_kw=most, export_kw=least)


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
    check: ScheduleCheck | None = None,
) -> dict[str, FloatArray]:
    """Return a real step as the results file wants it; NaN where there was none."""
    unknown = np.full(room.import_kw.size, np.nan)

    def known(values: FloatArray | None) -> FloatArray:
        return unknown if values is None else values

    record = {
        "import_limit_kw": room.import_kw,
        "export_limit_kw": room.export_kw,
        "uncontrolled_forecast_kw": room.uncontrolled_kw,
        "forecast_margin_kw": known(room.margin_kw),
        "congestion_price": known(congestion_price),
        "look_ahead_price": known(look_ahead_price),
        "forecast_overload_kw": known(overload_kw),
        "check_rounds": unknown,
        "check_margin_percent": unknown,
        "check_overload_kw": unknown,
    }
    if check is not None:
        record["check_rounds"] = np.full(unknown.size, float(check.rounds))
        record["check_margin_percent"] = PERCENT * check.margin
        record["check_overload_kw"] = check.overload_kw
    return record
