"""Congestion points: the limits of the areas, and above them those that areas share.

Limits that areas share are a tree: lines behind a transformer, areas behind each line.
"""

from dataclasses import dataclass, replace

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray

TOLERANCE_KW = 1e-6  # forgives powers that a solver or a sum has rounded


@dataclass(frozen=True, slots=True, eq=False)
class SharedLimits:
    """What ``m`` limits leave to the meters of the areas behind them.

    All meters of a limit's member areas together, uncontrolled load included, are to
    draw no more than ``import_kw`` and to feed back no more than ``export_kw``.

    Raises
    ------
    ValueError
        If two limits share some areas and neither holds all of the other's: power that
        has two ways to go is not for limits in kW to bound.
    """

    member: BoolArray
    """Which of ``a`` areas lie behind each limit, shape ``(m, a)``."""
    import_kw: FloatArray
    """Shape ``(m,)``, or ``(m, t)`` of ``t`` steps."""
    export_kw: FloatArray
    """As a positive number, shape as of import."""

    def __post_init__(self) -> None:
        size = self.member.sum(axis=1)
        common = self.member.astype(float) @ self.member.T
        smaller = np.minimum(size, size[:, None])
        crossed = (common > 0) & (common < smaller)
        if crossed.any():
            one, other = np.argwhere(crossed)[0].tolist()
            raise ValueError(
                f"shared limits {one} and {other} have areas in common, and each has "
                "others as well: limits are to be a tree"
            )

    def at(self, step: int) -> "SharedLimits":
        """Return the limits of one of the ``t`` steps."""
        return replace(
            self, import_kw=self.import_kw[:, step], export_kw=self.export_kw[:, step]
        )

    @property
    def leaves_first(self) -> IntArray:
        """The limits in an order in which each comes after all below it."""
        return np.argsort(self.member.sum(axis=1), kind="stable")

    def total(self, values: FloatArray) -> FloatArray:
        """Return sums of the areas' values over each limit's members."""
        sums: FloatArray = self.member @ values
        return sums

    def spread(self, values: FloatArray) -> FloatArray:
        """Return, for each area, the sum of the values of all limits above it."""
        sums: FloatArray = values @ self.member
        return sums


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What the transformers leave to flexible sites in one step, each ``(a,)``."""

    uncontrolled_kw: FloatArray
    """Forecast."""
    import_kw: FloatArray
    """Most net power all meters of an area may draw."""
    export_kw: FloatArray
    """Most net power all meters of an area may feed back, as a positive number."""
    margin_kw: FloatArray | None = None
    """What the highest import has been lowered by for the forecast's error, if it has.
    """
    shared: SharedLimits | None = None
    """What areas may draw and feed back together, if any share a limit."""

    @property
    def above(self) -> SharedLimits:
        """The limits that areas share: none where there is no such limit."""
        if self.shared is not None:
            return self.shared
        none = np.zeros(0)
        return SharedLimits(np.zeros((0, self.import_kw.size), np.bool_), none, none)

    def broken_by(
        self, power_kw: FloatArray, tolerance_kw: float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Return which limits the powers of all sites of each area break, and how.

        1 where they draw more than the limit, -1 where they feed back more, else 0: of
        the areas' own limits, shape ``(a,)``, and of those they share, ``(m,)``.
        """
        total, above = self.uncontrolled_kw + power_kw, self.above

        def side(kw: FloatArray, most: FloatArray, least: FloatArray) -> FloatArray:
            return 1.0 * (kw > most + tolerance_kw) - 1.0 * (kw < -least - tolerance_kw)

        return (
            side(total, self.import_kw, self.export_kw),
            side(above.total(total), above.import_kw, above.export_kw),
        )

    def shortage_kw(
        self, least_kw: FloatArray, most_kw: FloatArray, reserve: float
    ) -> FloatArray:
        """Return what each area lacks for its sites to leave a part of its limits free.

        Parameters
        ----------
        least_kw, most_kw : (a,) arrays
            Between which powers the sites of each area can choose: lowest and highest.
        reserve
            Part of every limit. What a limit that areas share lacks, all of them do.
        """
        above = self.above

        def lacking(
            least: FloatArray, most: FloatArray, up: FloatArray, down: FloatArray
        ) -> FloatArray:
            up, down = (kw * (1 - reserve * np.sign(kw)) for kw in (up, down))
            return np.maximum(0.0, np.maximum(least - up, -most - down))

        least, most = self.uncontrolled_kw + least_kw, self.uncontrolled_kw + most_kw
        own = lacking(least, most, self.import_kw, self.export_kw)
        totals = above.total(least), above.total(most)
        return own + above.spread(lacking(*totals, above.import_kw, above.export_kw))


def check_room(room: Room, power_kw: FloatArray) -> None:
    """Raise a ValueError where a power or limit is no number, or none is within."""
    total, above = room.uncontrolled_kw + power_kw, room.above
    points = (
        ("area", total, room.import_kw, room.export_kw),
        ("shared limit", above.total(total), above.import_kw, above.export_kw),
    )
    for name, kw, most, least in points:
        good = np.isfinite(kw) & (most >= -least)
        if not good.all():
            n = int(np.argmin(good))
            raise ValueError(
                f"{name} {n}: {kw[n]} kW are to be kept between {-least[n]} and "
                f"{most[n]} kW"
            )


def share_headroom(
    point_kw: FloatArray, base_kw: FloatArray, top_kw: FloatArray, room: Room
) -> tuple[FloatArray, FloatArray]:
    """Return envelopes around a secure point that use up the headroom.

    Each may move as far as its area's limit leaves it, in proportion to what it could
    use. Then, from the leaves of the tree up, the moves behind each shared limit are
    scaled back alike until all of them together fit. What scales back further up takes
    nothing from the limits below, so that in the end every limit holds, whoever moves;
    and on every way up from an area some limit is used up, if it is not free.

    All of shape ``(g, a)``.
    """
    total, above = room.uncontrolled_kw + point_kw.sum(axis=0), room.above
    more, less = top_kw - point_kw, point_kw - base_kw
    up = more * part(room.import_kw - total, more.sum(axis=0))
    down = less * part(total + room.export_kw, less.sum(axis=0))
    at = above.total(total)
    for n in above.leaves_first:
        mine = above.member[n]
        up[:, mine] *= part(above.import_kw[n] - at[n], up[:, mine].sum())
        down[:, mine] *= part(at[n] + above.export_kw[n], down[:, mine].sum())
    return point_kw - down, point_kw + up


def part(room_kw: FloatArray, wish_kw: FloatArray) -> FloatArray:
    """Return which part of a wish there is room for, from 0 to 1."""
    share: FloatArray = np.maximum(room_kw, 0) / np.maximum(wish_kw, TOLERANCE_KW)
    return np.minimum(share, 1)
