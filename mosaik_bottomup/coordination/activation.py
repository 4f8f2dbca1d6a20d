"""What activations ask of an aggregator in a step, and which it cannot take.

The target of a step is schedule and activations, less what the DSO has vetoed. An
activation of the portfolio may be delivered in any area. One of a single area is
measured against what the area would draw without any activation: that plus the order is
what the area is held to, and the other areas keep to the rest of the target.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.messages import Activation, Envelope


@dataclass(frozen=True, slots=True, eq=False)
class ActivatedPower:
    """All that is ordered of one aggregator for one step, consumption positive."""

    whole_kw: float
    """To be delivered anywhere in the portfolio."""
    by_area_kw: FloatArray
    """To be delivered in one area, shape ``(a,)``."""

    @property
    def in_areas(self) -> bool:
        """Whether any area has an activation of its own."""
        return bool(self.by_area_kw.any())

    @property
    def total_kw(self) -> float:
        """Deviation of the whole portfolio."""
        return self.whole_kw + float(self.by_area_kw.sum())


def activated_power(
    orders: Sequence[Activation], step: int, areas: int
) -> ActivatedPower | None:
    """Return the sum of what runs in a step; None if nothing does."""
    running = [order for order in orders if order.start <= step < order.end]
    if not running:
        return None
    by_area = np.zeros(areas)
    whole = 0.0
    for order in running:
        if order.area is None:
            whole += order.mean_kw(step)
        else:
            by_area[order.area] += order.mean_kw(step)
    return ActivatedPower(whole, by_area)


def vetoed_kw(envelope: Envelope) -> float:
    """Return what the DSO has vetoed of an aggregator's activations, signed as they."""
    by_area = envelope.area_vetoed_kw
    whole = 0.0 if envelope.vetoed_kw is None else envelope.vetoed_kw
    return whole if by_area is None else whole + float(by_area.sum())


def refuse_unless(
    order: Activation,
    step: int,
    areas: int,
    follows_schedule: bool,
    known: Sequence[Activation],
) -> None:
    """Raise a ValueError that says why an order cannot be followed, if it cannot.

    Parameters
    ----------
    order
        New.
    step
        It is now.
    areas
        How many there are.
    follows_schedule
        Whether there is a schedule to deviate from.
    known
        Orders taken before.
    """
    name = f"activation {order.identifier}"
    if not follows_schedule:
        raise ValueError(
            f"{name}: this aggregator sells no schedule to deviate from; activate in a "
            "strategy that does, such as two-stage or stage-one"
        )
    if order.area is not None and not 0 <= order.area < areas:
        raise ValueError(f"{name}: there is no area {order.area} of {areas}")
    if order.start < step:
        raise ValueError(
            f"{name} was to start in step {order.start}, and it is {step} already: "
            "send it earlier"
        )
    if any(order.identifier == other.identifier for other in known):
        raise ValueError(f"{name} has been ordered before: give each a name of its own")
