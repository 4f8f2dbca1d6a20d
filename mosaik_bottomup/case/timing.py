"""When plans are made in a scenario, and schedules sold and traded."""

import numpy as np
import pandas as pd

from mosaik_bottomup.calendar import Calendar
from mosaik_bottomup.inputs.clock import Clock
from mosaik_bottomup.scenario import Scenario

REHEARSAL_REACH_H = 48.0
"""No step that lies further ahead is rehearsed."""


def calendar(scenario: Scenario) -> Calendar:
    """Return when plans are made, and schedules sold and traded.

    Without a gate closure a day is 24 h from the start; with one it is the calendar's.
    """
    run, planning, intraday = scenario.run, scenario.planning, scenario.intraday
    every = run.steps_in(planning.every_h)
    return Calendar(
        steps=run.steps,
        day_steps=run.steps_in(24),
        replan_steps=every,
        horizon_steps=run.steps_in(planning.horizon_h) + every,
        gates=_gates(scenario) if scenario.day_ahead.gate_closure_h else None,
        trade_every_steps=run.steps_in(intraday.every_h),
        trade_gate_steps=run.steps_in(intraday.gate_closure_h),
        trade_reach_steps=run.steps_in(intraday.reach_h),
    )


def forecast_reach_h(scenario: Scenario) -> float:
    """Return how far ahead anybody asks for a forecast."""
    planning = scenario.planning
    return REHEARSAL_REACH_H + planning.horizon_h + planning.every_h


def _gates(scenario: Scenario) -> dict[int, int]:
    """Return what is sold until when, by the step in which the gate closes.

    At the start of the run all days are sold whose gate has closed by then.
    """
    run = scenario.run
    clock = Clock(pd.Timestamp(scenario.start_utc()), run.step_s, run.steps)
    local = clock.local()
    closed = local.hour + local.minute / 60 >= scenario.day_ahead.gate_closure_h
    starts = np.flatnonzero(np.diff(local.normalize().asi8, prepend=0)).tolist()
    ends = [*starts[1:], run.steps]
    gates = {0: ends[0]}
    for start, end, next_end in zip(starts, ends, ends[1:], strict=False):
        gates[start + int(np.argmax(closed[start:end]))] = next_end
    return gates
