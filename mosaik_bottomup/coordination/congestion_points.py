"""Congestion points above the areas: limits that several areas share, as a tree."""

from dataclasses import dataclass, replace

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray


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
