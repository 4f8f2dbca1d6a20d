"""How homes with heat pumps plan, bid and act."""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.devices import comfort, house, opportunity_cost
from mosaik_bottomup.devices.heat_pump import (
    MODULATION,
    HeatPumpFleet,
    HeatPumpState,
    cop,
    gains_kw,
)
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.messages import BidBook, Moment, StoreReport

GRID_POINTS = 81
"""Size of the planning grid, 0.04 to 0.06 K apart."""
SMOOTHING_H = 6.0
"""Time over which weather is averaged to place the planning band: two time constants
of the exchange between floor and air."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatPumpPlan:
    """What a plan leaves behind for the bids until the next one."""

    first: int
    """Step at which it was made."""
    values_dkk: FloatArray
    """Opportunity cost, shape ``(n, t + 1, points)``."""
    low_c: FloatArray
    """Lower edge of the planning band, shape ``(n, t + 1)``."""
    spacing_c: FloatArray
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
        self._keep = np.exp(-self._slow.rate_per_h * rules.step_h)
        # z' = keep z + (1 - keep) (T_a + q / U) + lift Q / Q_nominal
        heat_gain = 1 / (self._slow.rate_per_h * self._slow.heat_kwh_per_k)
        self._lift_c = (1 - self._keep) * heat_gain * fleet.heat_kw

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
        low, spacing = self._band(outlook, gains)
        power = fleet.heat_kw[:, None] / cop(outlook.ambient_c, fleet.inverter)
        price = outlook.import_dkk_per_kwh + surcharge_dkk_per_kwh[fleet.area]
        worth = outlook.import_dkk_per_kwh.mean() * (
            power.mean(axis=1) / fleet.heat_kw * self._slow.heat_kwh_per_k
        )
        values = opportunity_cost.heat_pump_values(
            low,
            spacing,
            self._keep,
            self._drift_c(outlook, gains),
            self._lift_c,
            power,
            rules.step_h * price,
            fleet.inverter,
            worth,
            GRID_POINTS,
        )
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
        return HeatPumpPlan(first, values, low, spacing, guard)

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
        slow = np.einsum("njc,nc->nj", after, self._slow.weights)
        cost = step_h * now.import_dkk_per_kwh[0] * power
        cost += opportunity_cost.values_at(
            plan.values_dkk[:, at], plan.low_c[:, at], plan.spacing_c[:, at], slow
        )
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
        fleet, step_h, slow = self.fleet, self.rules.step_h, self._slow
        gains = gains_kw(fleet, outlook.global_w_m2)
        low, spacing = self._band(outlook, gains)
        z = np.einsum("nc,nc->n", state.temperature_c, slow.weights)
        per_k = slow.heat_kwh_per_k
        drift = self._drift_c(outlook, gains)
        falls = low[:, 1:] - self._keep[:, None] * low[:, :-1] - drift
        power = fleet.heat_kw[:, None] / cop(outlook.ambient_c, fleet.inverter)
        # a step of full heat lifts z by lift_c: what leaks within it is not stored
        lifted = (self._lift_c * per_k)[:, None] / (step_h * power)
        member = (fleet.area == np.arange(areas)[:, None]).astype(float)
        size = member * (per_k * spacing[:, 0])
        most = np.maximum(member @ power, 1e-9)
        return StoreReport(
            kind=self.kind,
            stored_kwh=member @ (per_k * (z - low[:, 0])),
            capacity_kwh=member @ (per_k[:, None] * spacing * (GRID_POINTS - 1)),
            keep=(size @ self._keep) / np.maximum(size.sum(axis=1), 1e-9),
            need_kwh=member @ (per_k[:, None] * falls),
            charge_gain=np.where(
                member.any(axis=1)[:, None], (member @ (power * lifted)) / most, 1.0
            ),
            charge_max_kw=member @ power,
            discharge_loss=np.ones(areas),
            discharge_max_kw=np.zeros(areas),
            wear_dkk_per_kwh=0.0,
            fixed_kw=np.zeros((areas, outlook.steps)),
            curtailable_kw=np.zeros((areas, outlook.steps)),
            reactive_kvar=self._reactive * (member @ power).max(axis=1, initial=0.0),
            moment=moment,
        )

    def _drift_c(self, outlook: Outlook, gains: FloatArray) -> FloatArray:
        per_k = self.fleet.houses.envelope_kw_per_k[:, None]
        warmth = outlook.ambient_c + gains / per_k
        return (1 - self._keep)[:, None] * warmth

    def _band(
        self, outlook: Outlook, gains: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        r"""Return the planning band of the slow mode: lower edge and grid spacing.

        At rest, with the heating that holds the middle of the comfort band, the floor
        is :math:`Q / U_{if}` warmer than the air and the slow mode lies
        :math:`l_f Q / U_{if}` above it.
        """
        fleet, rules = self.fleet, self.rules
        middle = (fleet.comfort_low_c + fleet.comfort_high_c)[:, None] / 2
        houses = fleet.houses
        loss = houses.envelope_kw_per_k[:, None] * (middle - outlook.ambient_c) - gains
        width = max(round(SMOOTHING_H / rules.step_h), 1)
        loss = _moving_mean(np.maximum(loss, 0), width)
        offset = self._slow.weights[:, 1:] * loss / houses.floor_kw_per_k[:, None]
        low = fleet.comfort_low_c[:, None] + rules.band_margin_k + offset
        band = fleet.comfort_high_c - fleet.comfort_low_c
        band = band - rules.band_margin_k + rules.band_up_k
        low = np.concatenate([low, low[:, -1:]], axis=1)
        return low, np.broadcast_to(band[:, None] / (GRID_POINTS - 1), low.shape).copy()

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


def _moving_mean(series: FloatArray, width: int) -> FloatArray:
    """Return the mean of ``width`` values around each.

    At the start they are the first ``width``; at the end they are those that are left.
    """
    total = np.cumsum(np.pad(series, ((0, 0), (1, 0))), axis=1)
    at = np.arange(series.shape[1])
    first = np.maximum(at - width // 2, 0)
    last = np.minimum(first + width, series.shape[1])
    mean: FloatArray = (total[:, last] - total[:, first]) / (last - first)
    return mean
