"""How homes with heat pumps plan, bid and act."""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.devices import comfort, heat_value, house
from mosaik_bottomup.devices.heat_pump import (
    MODULATION,
    HeatPumpFleet,
    HeatPumpState,
    cop,
    gains_kw,
)
from mosaik_bottomup.devices.heat_store import heat_store
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.messages import BidBook, Moment, StoreReport

ON_OFF = (0.0, 1.0, 1.0)
"""The same for an on/off machine, as parts of full power."""
STAGE_H = 1.0
"""Length of the stages of a plan beyond the step-by-step ones."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatPumpPlan:
    """What a plan leaves behind for the bids until the next one."""

    first: int
    """Step at which it was made."""
    value: heat_value.HeatValue
    """Opportunity cost, step by step until the next plan is due."""
    guard: comfort.Guard


class HeatPumpSites:
    """Homes with heat pumps that plan and bid together, by one fleet."""

    kind = "heat_pumps"

    def __init__(
        self, fleet: HeatPumpFleet, rules: PlanningRules, power_factor: float
    ) -> None:
        self.fleet = fleet
        self.rules = rules
        self._reactive = float(np.tan(np.arccos(power_factor)))
        self._response = house.discretise(fleet.houses, rules.step_h)
        self._slow = house.slow_mode(fleet.houses)
        self._stage_steps = max(round(STAGE_H / rules.step_h), 1)
        self._stage_response = house.discretise(
            fleet.houses, self._stage_steps * rules.step_h
        )

    def start(self, ambient_c: float) -> HeatPumpState:
        """Return homes at rest in the middle of their band."""
        fleet = self.fleet
        air = (fleet.comfort_low_c + fleet.comfort_high_c) / 2
        loss = fleet.houses.envelope_kw_per_k * (air - ambient_c) - fleet.gains_kw
        floor = air + np.maximum(loss, 0) / fleet.houses.floor_kw_per_k
        n = air.size
        return HeatPumpState(
            np.stack([air, floor], axis=1),
            np.zeros(n, dtype=np.bool_),
            np.full(n, self.rules.run_steps, dtype=np.int64),
        )

    def plan(
        self, first: int, outlook: Outlook, surcharge_dkk_per_kwh: FloatArray
    ) -> HeatPumpPlan:
        """Value every state over the outlook, with congestion prices ``(a, t)``."""
        fleet, rules = self.fleet, self.rules
        gains = gains_kw(fleet, outlook.global_w_m2)
        value = self._value(outlook, gains, surcharge_dkk_per_kwh)
        covered = rules.replan_steps + rules.run_steps + rules.guard_steps
        if outlook.steps < covered:
            raise ValueError(
                f"an outlook of {outlook.steps} steps is too short: plans, lock-outs "
                f"and the guard need {covered}"
            )
        guard = comfort.build_guard(
            self._response,
            outlook.ambient_c[:covered],
            gains[:, :covered],
            fleet.heat_kw,
            fleet.comfort_low_c + rules.guard_margin_k,
            fleet.comfort_high_c - rules.guard_margin_k,
            rules.guard_steps,
        )
        return HeatPumpPlan(first, value, guard)

    def bids(
        self, state: HeatPumpState, plan: HeatPumpPlan, now: Outlook, moment: Moment
    ) -> BidBook:
        """Return the options of the coming step that keep the comfort band."""
        fleet, step_h = self.fleet, self.rules.step_h
        parts = np.array(MODULATION)
        heat = fleet.heat_kw[:, None] * parts
        after = house.advance(
            self._response,
            state.temperature_c,
            float(now.ambient_c[0]),
            gains_kw(fleet, now.global_w_m2)[:, 0],
            heat,
        )
        at = moment.step + 1 - plan.first
        locked = self._locked_steps(state, heat > 0)
        breach = comfort.locked_breach_k(plan.guard, at, after, heat, locked)
        allowed = comfort.admissible(breach, self._runnable(state))
        full_kw = fleet.heat_kw / cop(float(now.ambient_c[0]), fleet.inverter)
        power = full_kw[:, None] * parts
        cost = step_h * now.import_dkk_per_kwh[0] * power
        cost += heat_value.outside_dkk(plan.value, after, step_h)
        cost += heat_value.values_at(plan.value, at, after)
        chosen = _nearest_allowed(allowed)
        rows = np.arange(len(fleet.site))[:, None]
        offered_kw = power[rows, chosen]
        divisible = np.stack([np.zeros_like(fleet.inverter), fleet.inverter], axis=1)
        return BidBook(
            fleet.area,
            offered_kw,
            cost[rows, chosen],
            divisible,
            self._reactive * offered_kw.max(axis=1),
            moment,
        )

    def apply(
        self, state: HeatPumpState, now: Outlook, power_kw: FloatArray
    ) -> tuple[HeatPumpState, dict[str, FloatArray]]:
        """Run a step at the given powers; return the next state and what to record."""
        fleet = self.fleet
        heat = power_kw * cop(float(now.ambient_c[0]), fleet.inverter)
        temperature = house.advance(
            self._response,
            state.temperature_c,
            float(now.ambient_c[0]),
            gains_kw(fleet, now.global_w_m2)[:, 0],
            heat,
        )
        on = power_kw > 0
        same = on == state.on
        breach = ~same & (state.mode_steps < self.rules.run_steps)
        record = {
            "power_kw": power_kw,
            "air_c": temperature[:, 0],
            "floor_c": temperature[:, 1],
            "on": on.astype(float),
            "locked_breach": breach.astype(float),
            "bill_dkk": self.rules.step_h * now.import_dkk_per_kwh[0] * power_kw,
        }
        steps = np.where(same, state.mode_steps + 1, 1)
        return HeatPumpState(temperature, on, steps), record

    def reactive_kvar(self, power_kw: FloatArray) -> FloatArray:
        """Return what the compressors draw of reactive power."""
        return self._reactive * power_kw

    def store(
        self, state: HeatPumpState, outlook: Outlook, areas: int, moment: Moment
    ) -> StoreReport:
        """Return all homes of each area as one store of heat above the lower edge."""
        return heat_store(
            self.fleet,
            self.rules,
            state.temperature_c,
            outlook,
            areas,
            moment,
            self._reactive,
        )

    def _value(
        self, outlook: Outlook, gains: FloatArray, surcharge_dkk_per_kwh: FloatArray
    ) -> heat_value.HeatValue:
        """Value heat over the outlook: by steps until the next plan, then by hours."""
        fleet, rules = self.fleet, self.rules
        fine, size = rules.replan_steps, self._stage_steps
        coarse = (outlook.steps - fine) // size

        def staged(series: FloatArray) -> FloatArray:
            later = series[:, fine : fine + coarse * size]
            later = later.reshape(series.shape[0], coarse, size).mean(axis=2)
            return np.concatenate([series[:, :fine], later], axis=1)

        power = fleet.heat_kw[:, None] / cop(outlook.ambient_c, fleet.inverter)
        price = outlook.import_dkk_per_kwh + surcharge_dkk_per_kwh[fleet.area]
        lengths = [rules.step_h] * fine + [size * rules.step_h] * coarse
        machine = np.where(fleet.inverter[:, None], MODULATION, ON_OFF)
        parts = np.empty((fine + coarse, len(fleet.site), len(MODULATION)))
        parts[:fine] = machine
        # a stage of several steps can be half on, whatever the machine
        parts[fine:] = machine if size == 1 else np.array(MODULATION)
        stages = heat_value.stack(
            [self._response] * fine + [self._stage_response] * coarse,
            lengths,
            staged(np.broadcast_to(outlook.ambient_c, gains.shape)),
            staged(gains),
            fleet.heat_kw,
            np.array(lengths) * staged(price * power),
            parts,
        )
        worth = outlook.import_dkk_per_kwh.mean() * (
            power.mean(axis=1) / fleet.heat_kw * self._slow.heat_kwh_per_k
        )
        return heat_value.value_heat(
            stages,
            fleet.comfort_low_c + rules.band_margin_k,
            fleet.comfort_high_c,
            heat_value.FLOOR_REACH * fleet.heat_kw / fleet.houses.floor_kw_per_k,
            worth[:, None] * self._slow.weights,
        )

    def _runnable(self, state: HeatPumpState) -> BoolArray:
        """Return which options the machines allow: half power, lock-outs."""
        allowed = np.ones((state.on.size, len(MODULATION)), dtype=np.bool_)
        allowed[:, 1] = self.fleet.inverter
        locked = state.mode_steps < self.rules.run_steps
        allowed[locked & state.on, 0] = False
        allowed[locked & ~state.on, 1:] = False
        return allowed

    def _locked_steps(self, state: HeatPumpState, runs: BoolArray) -> IntArray:
        """Return how long each option, once taken, must be held after the step."""
        same = runs == state.on[:, None]
        done = np.where(same, state.mode_steps[:, None] + 1, 1)
        left: IntArray = np.maximum(self.rules.run_steps - done, 0)
        return left


def _nearest_allowed(allowed: BoolArray) -> IntArray:
    """Return for each option itself, or the nearest allowed one, higher ones first."""
    options = allowed.shape[1]
    place = np.arange(options)
    higher = np.where(allowed, place, options)
    higher = np.minimum.accumulate(higher[:, ::-1], axis=1)[:, ::-1]
    highest = options - 1 - allowed[:, ::-1].argmax(axis=1)
    return np.where(higher < options, higher, highest[:, None])
