"""What the parties say to each other, as values that survive JSON.

A site says power, cost and energy, nothing else: no message has a field for a
temperature or a parameter of a home. Powers are kW at the meter, consumption positive;
costs are DKK per step.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray

INDIFFERENCE_DKK_PER_KWH = 0.005
"""Half an øre: what differs by less costs the same, and then sooner comes first, as
with any controller that starts when a price falls. Quarter-hours of one hour have one
price, and rounding noise is no reason to spread over them."""

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """Which step a message is about, and whether it is real or rehearsed."""

    step: int
    """Counted from the start of the run."""
    rehearsal: int | None = None
    """Round of the rehearsal, or None: this is the real step."""
    last: bool = False
    """Whether this is the last step of the rehearsal."""
    made_at: int | None = None
    """Real step in which it is said, if it is rehearsed."""

    @property
    def now(self) -> int:
        """Return the real step in which it is said: nobody knows more than then."""
        return self.step if self.made_at is None else self.made_at


class Message:
    """Turns the fields of a message into JSON types and back."""

    __slots__ = ()

    def to_json(self) -> Json:
        """Return the message as a dict of JSON types."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Return the message that :meth:`to_json` wrote."""
        typed = {}
        for field in fields(cls):  # type: ignore[arg-type]
            typed[field.name] = _TYPED[field.name](data[field.name])
        return cls(**typed)


@dataclass(frozen=True, slots=True, eq=False)
class BidBook(Message):
    """A fleet's bids for one step: ``n`` sites with ``j`` options each.

    Options are sorted by power; a site with fewer options repeats one of them.
    """

    area: IntArray
    """Area of each site, shape ``(n,)``."""
    power_kw: FloatArray
    """Shape ``(n, j)``."""
    cost_dkk: FloatArray
    """Cost of the step and of the future after it, shape ``(n, j)``."""
    divisible: BoolArray
    """Whether powers between option ``j`` and ``j + 1`` are on offer, ``(n, j - 1)``.
    """
    reactive_kvar: FloatArray
    """Most reactive power each site draws in any of its options, shape ``(n,)``."""
    moment: Moment

    def __post_init__(self) -> None:
        good = np.isfinite(self.power_kw) & np.isfinite(self.cost_dkk)
        if not good.all() or not (np.diff(self.power_kw, axis=1) >= 0).all():
            raise ValueError("options must be finite and sorted by power")


@dataclass(frozen=True, slots=True, eq=False)
class StoreReport(Message):
    """A fleet as one store, per area: sums over its sites for the look-ahead.

    ``a`` areas, ``t`` steps ahead. Energy moves by
    ``stored' = keep * stored + h * (charge_gain * charge - discharge_loss * discharge)
    - need``; what it exchanges at the meters is ``fixed + charge - discharge``.
    """

    kind: str
    stored_kwh: FloatArray
    """What could be deferred now, shape ``(a,)``."""
    capacity_kwh: FloatArray
    """Most that could be stored at the start of each step, shape ``(a, t + 1)``."""
    keep: FloatArray
    """Part of the stored energy that remains after a step, shape ``(a,)``."""
    need_kwh: FloatArray
    """What each step takes out, shape ``(a, t)``."""
    charge_gain: FloatArray
    """Stored per charged energy, shape ``(a, t)``."""
    charge_max_kw: FloatArray
    """Shape ``(a, t)``."""
    discharge_loss: FloatArray
    """Drawn per discharged energy, shape ``(a,)``."""
    discharge_max_kw: FloatArray
    """Shape ``(a,)``."""
    wear_dkk_per_kwh: float
    fixed_kw: FloatArray
    """Exchange that cannot be moved, shape ``(a, t)``."""
    curtailable_kw: FloatArray
    """Generation in it that can be given up, shape ``(a, t)``."""
    reactive_kvar: FloatArray
    """Most reactive power the fleet can draw at a time, shape ``(a,)``."""
    moment: Moment


@dataclass(frozen=True, slots=True, eq=False)
class AreaOffer(Message):
    """What an aggregator says to the DSO: its plan and its merit order per area."""

    plan_kw: FloatArray
    """Shape ``(a,)``."""
    base_kw: FloatArray
    """Least power of each area, its must-run, shape ``(a,)``."""
    slopes_dkk_per_kwh: list[FloatArray]
    """Per area, ascending: cost of each further kWh."""
    widths_kw: list[FloatArray]
    """Per area: how far each slope reaches."""
    target_kw: float | None
    """Schedule and activation; None while nothing is sold."""
    reactive_max_kvar: FloatArray
    """Most reactive power any response can draw, shape ``(a,)``."""
    moment: Moment
    activation_kw: float | None = None
    """Part of the target that activations of the portfolio ask for; None: none runs."""
    area_activation_kw: FloatArray | None = None
    """Part of the plan that activations of single areas ask for, shape ``(a,)``; 0
    where none runs, and there with any running, of portfolio or area."""
    plain_plan_kw: FloatArray | None = None
    """The plan if nothing were activated, shape ``(a,)``; None: as `plan_kw`."""

    @property
    def flexible_kw(self) -> FloatArray:
        """How far each area can go above its must-run, shape ``(a,)``."""
        return np.array([width.sum() for width in self.widths_kw])


@dataclass(frozen=True, slots=True, eq=False)
class StoreOffer(Message):
    """What an aggregator says to the DSO for the look-ahead: its fleets as stores."""

    stores: list[StoreReport]
    reactive_max_kvar: FloatArray
    """Most reactive power the sites can draw at a time, shape ``(a,)``."""
    moment: Moment


@dataclass(frozen=True, slots=True, eq=False)
class Envelope(Message):
    """What the DSO grants one aggregator for one step, per area, shape ``(a,)``."""

    low_kw: FloatArray
    high_kw: FloatArray
    again: bool
    """After the last rehearsed step: rehearse another round."""
    commit: int | None
    """After the last rehearsed step: the round that becomes the schedule."""
    moment: Moment
    site_cap_kw: FloatArray | None = None
    """Most any one site may draw, shape ``(a,)``, where sites are capped alike."""
    vetoed_kw: float | None = None
    """Part of the portfolio's activations that no area has room for, with their sign;
    None: none runs."""
    area_vetoed_kw: FloatArray | None = None
    """The same of activations of single areas, shape ``(a,)``."""
    plain_low_kw: FloatArray | None = None
    """What would be granted if nobody's activations ran; None: none runs."""
    plain_high_kw: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Activation(Message):
    """What the transmission system operator orders: to deviate from the schedule.

    Up-regulation, which helps where power is short, is *less* consumption: a negative
    ``delta_kw``. Down-regulation is more consumption.

    Raises
    ------
    ValueError
        If it has no name, no length, or numbers that are not finite.
    """

    identifier: str
    product: str
    """Such as ``"mFRR"``."""
    area: int | None
    """Row of the area in which it is to be delivered; None: anywhere in the portfolio.
    """
    delta_kw: float
    """Full deviation from the schedule, consumption positive."""
    start: int
    """First step of the deviation, counted from the start of the run."""
    ramp_steps: float
    """Steps, whole or not, from nothing to the full deviation, linearly."""
    end: int
    """First step after it."""

    def __post_init__(self) -> None:
        if not self.identifier:
            raise ValueError("an activation needs an identifier")
        if not np.isfinite(self.delta_kw):
            raise ValueError(f"activation {self.identifier}: {self.delta_kw} kW")
        if not self.end > self.start:
            raise ValueError(
                f"activation {self.identifier} ends with step {self.end}, before its "
                f"start {self.start} is over"
            )
        if not 0 <= self.ramp_steps <= self.end - self.start:
            raise ValueError(
                f"activation {self.identifier}: a ramp of {self.ramp_steps} steps is "
                f"not within its {self.end - self.start}"
            )

    def mean_kw(self, step: int) -> float:
        """Return the mean deviation over a step, 0 outside the activation."""
        if not self.start <= step < self.end:
            return 0.0

        def energy(until: float) -> float:  # of a ramp to 1, since the start
            rising = min(until, self.ramp_steps)
            part = rising * rising / (2 * self.ramp_steps) if self.ramp_steps else 0.0
            return part + until - rising

        since = step - self.start
        return self.delta_kw * (energy(since + 1) - energy(since))


@dataclass(frozen=True, slots=True, eq=False)
class CongestionPrices(Message):
    """What the DSO publishes: congestion prices of the steps ahead."""

    ahead_dkk_per_kwh: FloatArray
    """Shape ``(a, t)``; positive where import is scarce, negative where export is."""
    moment: Moment


@dataclass(frozen=True, slots=True, eq=False)
class Dispatch(Message):
    """Set-points of a fleet's sites; each site learns only its own."""

    power_kw: FloatArray
    """Shape ``(n,)``."""
    again: bool
    commit: int | None
    moment: Moment


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Moment):
        return [value.step, value.rehearsal, value.last, value.made_at]
    if isinstance(value, Message):
        return value.to_json()
    return value


def _same(value: Any) -> Any:
    return value


def _floats(value: Any) -> FloatArray:
    return np.array(value, dtype=float)


_TYPED: dict[str, Callable[[Any], Any]] = {
    "area": lambda value: (
        np.array(value, dtype=np.int64) if isinstance(value, list) else value
    ),
    "divisible": lambda value: np.array(value, dtype=np.bool_),
    "slopes_dkk_per_kwh": lambda value: [_floats(item) for item in value],
    "widths_kw": lambda value: [_floats(item) for item in value],
    "stores": lambda value: [StoreReport.from_json(item) for item in value],
    "moment": lambda value: Moment(*value),
    "kind": str,
    "wear_dkk_per_kwh": float,
    "target_kw": _same,
    "again": bool,
    "commit": _same,
    "site_cap_kw": lambda value: None if value is None else _floats(value),
    "activation_kw": _same,
    "area_activation_kw": lambda value: None if value is None else _floats(value),
    "vetoed_kw": _same,
    **dict.fromkeys(
        ("area_vetoed_kw", "plain_plan_kw", "plain_low_kw", "plain_high_kw"),
        lambda value: None if value is None else _floats(value),
    ),
    "identifier": str,
    "product": str,
    "delta_kw": float,
    "start": int,
    "ramp_steps": float,
    "end": int,
}
for _cls in (BidBook, StoreReport, AreaOffer, Envelope, CongestionPrices, Dispatch):
    for _field in fields(_cls):
        _TYPED.setdefault(_field.name, _floats)
