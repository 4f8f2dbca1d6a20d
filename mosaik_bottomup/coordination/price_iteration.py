r"""A DSO that searches for a surcharge at which what sites want fits by itself.

The classical distribution price: dual ascent on the area limits. The coming day is
rehearsed with every site at its own cheapest under retail price and surcharge; then

.. math::
    \lambda^+_{ak} \leftarrow \Big[\lambda^+_{ak} + \frac{\kappa}{\sqrt r}
        \frac{P_{ak} - C^+_{ak}}{|C^+_{ak}|}\Big]_+

for import, the same for export with :math:`-P` and :math:`C^-`, round after round
until nothing exceeds its limit, or the rounds are spent: then the round of the least
excess stands. Nothing is enforced. After N. Li, L. Chen and S. Low, "Optimal demand
response based on utility maximization in power networks",
doi:10.1109/PES.2011.6039082.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.congestion_points import Room
from mosaik_bottomup.coordination.operator import (
    Capability,
    Forecast,
    area_record,
    open_envelope,
    planned_kw,
    room_of_step,
)
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
    AreaOffer,
    CongestionPrices,
    Envelope,
    Moment,
    StoreOffer,
)

FITS_KW = 1e-3
"""An excess smaller than this is rounding."""


@dataclass(slots=True, eq=False)
class _Round:
    """One rehearsal of the day, and what came of it; by step, shapes ``(a,)``."""

    buying: dict[int, FloatArray]
    """Surcharge on import, DKK/kWh."""
    selling: dict[int, FloatArray]
    """Surcharge on export, DKK/kWh."""
    import_over: dict[int, FloatArray] = field(default_factory=dict)
    """How far import was beyond its limit, in parts of it."""
    export_over: dict[int, FloatArray] = field(default_factory=dict)
    excess_kw: float = 0.0
    """Sum of what was beyond the limits."""


@dataclass(slots=True, eq=False)
class PricingOperator:
    """The DSO and the rounds of its search."""

    areas: int
    rounds: int
    """Most rounds of one day."""
    gain_dkk_per_kwh: float
    """By how much the first round raises the surcharge where the load is twice its
    limit, ``κ``."""
    forecast: Callable[[int, int, int], Forecast]
    capability: Capability
    record: dict[str, FloatArray] = field(default_factory=dict)
    _held: list[_Round] = field(default_factory=list)
    """Rounds of the day."""
    _in_force: _Round = field(default_factory=lambda: _Round({}, {}))
    _judged: bool = True
    """Whether the day's search is over."""

    @property
    def excess_kw(self) -> list[float]:
        """What was beyond the limits in each round of the last day, summed."""
        return [it.excess_kw for it in self._held]

    def hear(
        self, offers: Mapping[str, StoreOffer | AreaOffer]
    ) -> dict[str, CongestionPrices | Envelope]:
        """Return the surcharge to who asks ahead, and no bound to who offers."""
        moments = {it.moment for it in offers.values()}
        if len(moments) != 1:
            raise InvariantError("aggregators speak of different things")
        moment = moments.pop()
        self._enter(moment)
        asked = {k: it for k, it in sorted(offers.items()) if isinstance(it, AreaOffer)}
        if not asked:
            ahead = next(it for it in offers.values() if isinstance(it, StoreOffer))
            steps = range(moment.step, moment.step + ahead.stores[0].need_kwh.shape[1])
            price = np.stack([self._surcharge(step) for step in steps], axis=1)
            return dict.fromkeys(offers, CongestionPrices(price, moment))
        room = room_of_step(self.forecast, self.capability, asked, moment)
        again, commit = False, None
        if moment.rehearsal is not None:
            self._note(planned_kw(asked, room), room, moment)
            if moment.last:
                again, commit = self._judge()
        else:
            price = self._surcharge(moment.step)
            self.record = area_record(room, look_ahead_price=price)
        envelope = open_envelope(self.areas, moment, again=again, commit=commit)
        return dict.fromkeys(asked, envelope)

    def _surcharge(self, step: int) -> FloatArray:
        """Return the surcharge in force in a step; none beyond the day."""
        none = np.zeros(self.areas)
        now = self._in_force
        surcharge: FloatArray = now.buying.get(step, none) - now.selling.get(step, none)
        return surcharge

    def _enter(self, moment: Moment) -> None:
        """Begin a day, or a round, when its first step comes up."""
        if moment.rehearsal is None:
            return
        if self._judged:
            self._in_force, self._judged = _Round({}, {}), False
            self._held = [self._in_force]
        elif moment.rehearsal == len(self._held):
            self._in_force = self._next(self._held[-1])
            self._held.append(self._in_force)

    def _note(self, load_kw: FloatArray, room: Room, moment: Moment) -> None:
        now = self._in_force
        import_over, export_over = load_kw - room.import_kw, -load_kw - room.export_kw
        now.import_over[moment.step] = import_over / np.abs(room.import_kw)
        now.export_over[moment.step] = export_over / np.abs(room.export_kw)
        over = np.maximum(import_over, export_over)
        now.excess_kw += float(over[over > FITS_KW].sum())

    def _judge(self) -> tuple[bool, int | None]:
        """Return whether to go on, or else which round stands."""
        if self._in_force.excess_kw > 0 and len(self._held) < self.rounds:
            return True, None
        excess = self.excess_kw
        best = min(range(len(excess)), key=lambda r: (excess[r], -r))
        self._in_force, self._judged = self._held[best], True
        return False, best

    def _next(self, last: _Round) -> _Round:
        gain = self.gain_dkk_per_kwh / np.sqrt(len(self._held))
        none = np.zeros(self.areas)

        def climb(
            price: dict[int, FloatArray], over: dict[int, FloatArray]
        ) -> dict[int, FloatArray]:
            return {
                step: np.maximum(price.get(step, none) + gain * by, 0)
                for step, by in over.items()
            }

        return _Round(
            climb(last.buying, last.import_over), climb(last.selling, last.export_over)
        )
