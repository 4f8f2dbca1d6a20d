"""A DSO that caps every site alike in critical hours, and asks nobody's price.

After section 14a of the German energy act (EnWG) and decision BK6-22-300 of the
Bundesnetzagentur: where the network would be overloaded, each controllable device may
be held to 4.2 kW, and no lower. What a home needs to stay comfortable it gets anyway.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.operator import (
    Capability,
    Forecast,
    area_record,
    open_envelope,
    planned_kw,
    room_of_step,
)
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import AreaOffer, BidBook, Envelope, StoreOffer


@dataclass(slots=True, eq=False)
class CappingOperator:
    """The DSO; an hour is critical if its forecast and all plans exceed the limit."""

    CARRIES: ClassVar[tuple[str, ...]] = ()
    """Nothing, from one real step into the next."""
    areas: int
    cap_kw: float
    """Most a site may draw in a critical step."""
    forecast: Callable[[int, int, int], Forecast]
    capability: Capability
    record: dict[str, FloatArray] = field(default_factory=dict)

    def hear(self, offers: Mapping[str, StoreOffer | AreaOffer]) -> dict[str, Envelope]:
        """Return a cap for the areas where the plans do not fit."""
        asked = {k: it for k, it in sorted(offers.items()) if isinstance(it, AreaOffer)}
        moments = {it.moment for it in asked.values()}
        if len(asked) != len(offers) or len(moments) != 1:
            raise InvariantError("this DSO answers offers of one moment, nothing else")
        moment = moments.pop()
        if moment.rehearsal is not None:  # sold without asking
            commit = moment.rehearsal if moment.last else None
            return dict.fromkeys(
                asked, open_envelope(self.areas, moment, commit=commit)
            )
        room = room_of_step(self.forecast, self.capability, asked, moment)
        critical = planned_kw(asked, room) > room.import_kw
        cap_kw = np.where(critical, self.cap_kw, np.inf)
        self.record = area_record(room)
        return dict.fromkeys(
            asked, open_envelope(self.areas, moment, site_cap_kw=cap_kw)
        )


def cap_sites(book: BidBook, cap_kw: FloatArray) -> BidBook:
    """Return a book without what lies above the cap, and above a site's least option.

    Parameters
    ----------
    book
        What sites offer.
    cap_kw : (a,) array
        Most a site may draw, by area.
    """
    power, cost = book.power_kw, book.cost_dkk
    rows = np.arange(book.area.size)
    cap = np.maximum(cap_kw[book.area], power[:, 0])
    below = (power <= cap[:, None]).sum(axis=1) - 1
    above = np.minimum(below + 1, power.shape[1] - 1)
    low, high = power[rows, below], power[rows, above]
    low_dkk, high_dkk = cost[rows, below], cost[rows, above]
    between = np.pad(book.divisible, ((0, 0), (0, 1)))[rows, below]
    width = np.where(high > low, high - low, 1.0)
    part = np.where(between, np.minimum(cap - low, width) / width, 0.0)
    part = np.where(high > low, part, 0.0)
    most, most_dkk = low + part * (high - low), low_dkk + part * (high_dkk - low_dkk)
    beyond = np.arange(power.shape[1]) > below[:, None]
    return replace(
        book,
        power_kw=np.where(beyond, most[:, None], power),
        cost_dkk=np.where(beyond, most_dkk[:, None], cost),
    )
