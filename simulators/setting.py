"""What every adapter is started with: a scenario, and how long a step is."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mosaik_components.bottomup.checkpoint import NO_CHECKPOINTS, Checkpoints

from mosaik_bottomup.case import Case, build
from mosaik_bottomup.coordination.rehearsal import most_rounds
from mosaik_bottomup.parties import STRATEGIES, calendar
from mosaik_bottomup.scenario import load, parse

WEAK_PER_EXCHANGE = 2
"""Weak connections on the way from a fleet by aggregator and DSO back to it."""
TOLERANCE_S = 1e-6
"""Forgives time resolutions such as 1/3 s, written as floats."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A case, and the time it runs by."""

    case: Case
    step_size: int
    """Length of a step in mosaik's units of time."""
    checkpoints: Checkpoints = NO_CHECKPOINTS
    """Mosaik's time begins with the first step it names."""

    @property
    def until(self) -> int:
        """End of the run, in mosaik's units of time."""
        return self.time(self.case.scenario.run.steps)

    @property
    def max_loop_iterations(self) -> int:
        """Most rounds of mosaik's same-time loop: a whole rehearsal is in one step."""
        scenario = self.case.scenario
        diary = calendar(scenario)
        rounds = most_rounds(scenario.dso.look_ahead, scenario.day_ahead.rounds)
        if STRATEGIES[scenario.run.strategy].dso == "surcharge":
            rounds = scenario.alternatives.surcharge_rounds
        rehearsed = 0
        for step in filter(diary.rehearses_at, range(diary.steps)):
            ahead = range(step, diary.rehearsed_until(step))
            said = len(ahead) + sum(map(diary.plans_at, ahead))
            rehearsed = max(rehearsed, said * (rounds if diary.sells_at(step) else 1))
        real = 2  # plan and bid
        return WEAK_PER_EXCHANGE * (rehearsed + real) + 1

    @property
    def lead(self) -> int:
        """Row of the series at which the run begins."""
        return self.case.scenario.run.warm_up_steps

    def step(self, time: int) -> int:
        """Return the number of the step that begins at a time.

        Raises
        ------
        ValueError
            If none does.
        """
        step, rest = divmod(time, self.step_size)
        if rest:
            raise ValueError(f"no step of {self.step_size} begins at time {time}")
        return self.checkpoints.first + step

    def time(self, step: int) -> int:
        """Return the time at which a step begins."""
        return (step - self.checkpoints.first) * self.step_size


def settle(
    scenario: str,
    time_resolution: float = 1.0,
    step_size: int | None = None,
    checkpoints: dict[str, Any] | None = None,
) -> Setting:
    """Return the setting of a scenario.

    Parameters
    ----------
    scenario
        TOML text, the name of a packaged scenario, or the path of a file.
    time_resolution
        Seconds in mosaik's unit of time.
    step_size
        Units of time in a step; what the scenario says if left out.
    checkpoints
        Fields of `Checkpoints`, where the run keeps some or goes on from one.

    Raises
    ------
    InputError
        If the scenario, or a file it names, cannot be used.
    ValueError
        If a step would not be as long as the scenario's.
    """
    case = case_of(scenario)
    wanted_s = case.scenario.run.step_s
    if step_size is None:
        step_size = round(wanted_s / time_resolution)
    given_s = step_size * time_resolution
    if abs(given_s - wanted_s) > TOLERANCE_S:
        raise ValueError(
            f"step_size {step_size} x time_resolution {time_resolution:g} s is "
            f"{given_s:g} s, and the scenario's step is {wanted_s} s (run.step_s)"
        )
    return Setting(case, step_size, Checkpoints(**checkpoints or {}))


@lru_cache(maxsize=1)
def case_of(scenario: str) -> Case:
    """Return what a scenario makes, one object for all simulators of a process."""
    is_text = "=" in scenario or "\n" in scenario
    return build(parse(scenario) if is_text else load(scenario))
