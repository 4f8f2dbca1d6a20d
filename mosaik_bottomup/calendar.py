"""When plans are made, and schedules sold and traded: the diary all parties keep."""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which steps are plans, gate closures and ends; steps of the run from 0 on."""

    steps: int
    """Steps of the run."""
    day_steps: int
    """Steps in 24 h."""
    replan_steps: int
    horizon_steps: int
    """A plan reaches so far."""
    gates: Mapping[int, int] | None = None
    """By the step in which a schedule is sold, the first step after what is sold; None
    where each 24 h are sold at their own start."""
    trade_every_steps: int = 0
    """Schedules are traded intraday so often; 0 is never."""
    trade_gate_steps: int = 0
    """What begins sooner than this can no longer be traded."""
    trade_reach_steps: int = 0
    """What begins later is not yet traded."""

    def plans_at(self, step: int) -> bool:
        """Return whether a new plan is due: from the start of each day anew."""
        on_grid = step % self.day_steps % self.replan_steps == 0
        return on_grid or self.rehearses_at(step)

    def sells_at(self, step: int) -> bool:
        """Return whether the gate of a day closes: its schedule is to be sold."""
        return self._sold_until(step) > step

    def sellable(self, made_at: int, step: int) -> bool:
        """Return whether what is sold day-ahead in step `made_at` reaches to a step."""
        return step < self._sold_until(made_at)

    def trades_at(self, step: int) -> bool:
        """Return whether schedules are traded, and any of them still can be."""
        return (
            self.trade_every_steps > 0
            and step >= 0
            and step % self.trade_every_steps == 0
            and step + self.trade_gate_steps < self.steps
        )

    def tradable(self, made_at: int, step: int) -> bool:
        """Return whether in step `made_at` the schedule of a step can be traded."""
        ahead = step - made_at
        in_reach = self.trade_gate_steps <= ahead < self.trade_reach_steps
        return in_reach and self.trades_at(made_at)

    def rehearses_at(self, step: int) -> bool:
        """Return whether the steps ahead are to be rehearsed."""
        return self.rehearsed_until(step) > step

    def rehearsed_until(self, step: int) -> int:
        """Return the first step after what is rehearsed in a step."""
        traded = step + self.trade_reach_steps if self.trades_at(step) else step
        return max(self._sold_until(step), min(traded, self.steps), step)

    def closing_after(self, step: int) -> "Calendar":
        """Return a diary in which nothing is sold after a step, and nothing traded.

        Days that are sold at their own start still are.
        """
        gates = self.gates
        if gates is not None:
            gates = {gate: until for gate, until in gates.items() if gate <= step}
        return replace(self, gates=gates, trade_every_steps=0)

    def _sold_until(self, step: int) -> int:
        if self.gates is not None:
            return self.gates.get(step, step)
        if step < 0 or step >= self.steps or step % self.day_steps:
            return step
        return min(step + self.day_steps, self.steps)
