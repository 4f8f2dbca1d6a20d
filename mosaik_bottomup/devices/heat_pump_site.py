"""How homes with heat pumps plan, bid and act.

They plan and bid by what they believe of themselves; only :meth:`HeatPumpSites.apply`
is the truth, and its records are.
"""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.devices import comfort, estimate, heat_value, house
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
    """Opportunity cost after each step until the next plan is due."""
    guard: comfort.Guard


class HeatPumpSites:
    """Homes with heat pumps that plan and bid together, by one fleet.

    Parameters
    ----------
    fleet
        The homes as they are.
    rules
        How they plan.
    power_factor
        Of running machines.
    believed
        The same homes as they take themselves for, and the comfort band the guard
        keeps; as they are if left out. Areas, kinds of machine and the electric power
        at full heat are measured and always known.
    """

    kind = "heat_pumps"

    def __init__(
        self,
        fleet: HeatPumpFleet,
        rules: PlanningRules,
        power_factor: float,
        believed: HeatPumpFleet | None = None,
    ) -> None:
        self.fleet = fleet
        self.believed = believed = fleet if believed is None else believed
        self.rules = rules
        self._reactive = float(np.tan(np.arccos(power_factor)))
        self._truth = house.discretise(fleet.houses, rules.step_h)
        self._response = house.discretise(believed.houses, rules.step_h)
        self._observer_gain = estimate.observer_gain(self._response, rules.step_h)
        self._slow = house.slow_mode(believed.houses)
        self._stage_steps = max(round(STAGE_H / rules.step_h), 1)
        self._stage_response = house.discretise(
            believed.houses, self._stage_steps * rules.step_h
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
        fleet, rules = self.believed, self.rules
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
            fleet.comfort_low_c,
            fleet.comfort_high_c,
            rules.guard_steps,
        )
        return HeatPumpPlan(first, value, guard)

    def bids(
        self, state: HeatPumpState, plan: HeatPumpPlan, now: Outlook, moment: Moment
    ) -> BidBook:
        """Return the options of the coming step that keep the comfort band."""
        fleet, step_h = self.believed, self.rules.step_h
        parts = np.array(MODULATION)
        heat = fleet.heat_kw[:, None] * parts
        after = self._foretold_c(state, now, heat)
        since = moment.step - plan.first
        locked = self._locked_steps(state, heat > 0)
        breach = comfort.locked_breach_k(plan.guard, since + 1, after, heat, locked)
        allowed = comfort.admissible(breach, self._runnable(state))
        power = self._full_kw(now.ambient_c) * parts
        cost = step_h * now.import_dkk_per_kwh[0] * power
        cost += heat_value.outside_dkk(plan.value, after, step_h)
        cost += heat_value.values_at(plan.value, since, after)
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
            self._truth,
            state.temperature_c,
            float(now.ambient_c[0]),
            gains_kw(fleet, now.global_w_m2)[:, 0],
            heat,
        )
        foretold = self._foretold_c(state, now, self._believed_heat_kw(now, power_kw))
        floor = estimate.observe_floor_c(
            self._observer_gain, foretold, temperature[:, 0]
        )
        on, steps = _mode(state, power_kw)
        breach = (on != state.on) & (state.mode_steps < self.rules.run_steps)
        record = {
            "power_kw": power_kw,
            "air_c": temperature[:, 0],
            "floor_c": temperature[:, 1],
            "on": on.astype(float),
            "locked_breach": breach.astype(float),
            "bill_dkk": self.rules.step_h * now.import_dkk_per_kwh[0] * power_kw,
        }
        return HeatPumpState(temperature, on, steps, floor - temperature[:, 1]), record

    def foresee(
        self, state: HeatPumpState, now: Outlook, power_kw: FloatArray
    ) -> HeatPumpState:
        """Return where the homes believe a step at the given powers leads."""
        heat = self._believed_heat_kw(now, power_kw)
        return HeatPumpState(
            self._foretold_c(state, now, heat), *_mode(state, power_kw)
        )

    def reactive_kvar(self, power_kw: FloatArray) -> FloatArray:
        """Return what the compressors draw of reactive power."""
        return self._reactive * power_kw

    def store(
        self, state: HeatPumpState, outlook: Outlook, areas: int, moment: Moment
    ) -> StoreReport:
        """Return all homes of each area as one store of heat above the lower edge."""
        return heat_store(
            self.believed,
            self.rules,
            state.believed_c,
            outlook,
            self._full_kw(outlook.ambient_c),
            areas,
            moment,
            self._reactive,
        )

    def _value(
        self, outlook: Outlook, gains: FloatArray, surcharge_dkk_per_kwh: FloatArray
    ) -> heat_value.HeatValue:
        """Value heat over the outlook: by steps until the next plan, then by hours."""
        fleet, rules = self.believed, self.rules
        fine, size = rules.replan_steps, self._stage_steps
        coarse = (outlook.steps - fine) // size

        def staged(series: FloatArray) -> FloatArray:
            later = series[..., fine : fine + coarse * size]
            later = later.reshape(*series.shape[:-1], coarse, size).mean(axis=-1)
            return np.concatenate([series[..., :fine], later], axis=-1)

        power = self._full_kw(outlook.ambient_c)
        price = outlook.import_dkk_per_kwh + surcharge_dkk_per_kwh[fleet.area]
        kind = np.repeat([0, 1], [fine, coarse])
        lengths = [rules.step_h, size * rules.step_h]
        machine = np.where(fleet.inverter[:, None], MODULATION, ON_OFF)
        # a stage of several steps can be half on, whatever the machine
        later = machine if size == 1 else np.broadcast_to(MODULATION, machine.shape)
        stages = heat_value.stack(
            kind,
            lengths,
            [self._response, self._stage_response],
            np.stack([machine, later]),
            staged(outlook.ambient_c),
            staged(gains),
            fleet.heat_kw,
            np.array(lengths)[kind] * staged(price * power),
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
            kept=fine,
        )

    def _full_kw(self, ambient_c: FloatArray) -> FloatArray:
        """Return the electric power at full heat, measured, of shape ``(n, t)``."""
        return self.fleet.heat_kw[:, None] / cop(ambient_c, self.fleet.inverter)

    def _believed_heat_kw(self, now: Outlook, power_kw: FloatArray) -> FloatArray:
        """Return the heat that homes take a power for."""
        ratio = self.believed.heat_kw / self.fleet.heat_kw
        heat: FloatArray = power_kw * cop(float(now.ambient_c[0]), self.fleet.inverter)
        return ratio * heat

    def _foretold_c(
        self, state: HeatPumpState, now: Outlook, heat_kw: FloatArray
    ) -> FloatArray:
        """Return the temperatures that homes expect after a step."""
        return house.advance(
            self._response,
            state.believed_c,
            float(now.ambient_c[0]),
            gains_kw(self.believed, now.global_w_m2)[:, 0],
            heat_kw,
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


def _mode(state: HeatPumpState, power_kw: FloatArray) -> tuple[BoolArray, IntArray]:
    """Return which machines run in a step, and for how many steps by its end."""
    on = power_kw > 0
    return on, np.where(on == state.on, state.mode_steps + 1, 1)


def _nearest_allowed(allowed: BoolArray) -> IntArray:
    """Return for each option itself, or the nearest allowed one, higher ones first."""
    options = allowed.shape[1]
    place = np.arange(options)
    higher = np.where(allowed, place, options)
    higher = np.minimum.accumulate(higher[:, ::-1], axis=1)[:, ::-1]
    highest = options - 1 - allowed[:, ::-1].argmax(axis=1)
    return np.where(higher < options, higher, highest[:, None])
