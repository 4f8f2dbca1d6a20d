"""How homes with PV and battery plan, bid and act."""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.devices import battery_value
from mosaik_bottomup.devices.area_sums import area_sums
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.devices.pv_battery import (
    WEAR_DKK_PER_KWH,
    PvBatteryFleet,
    battery_limits_kw,
    split,
    stored_kwh,
)
from mosaik_bottomup.messages import BidBook, Moment, StoreReport

GRID_POINTS = 41
"""Size of the planning grid, 0.13 to 0.26 kWh apart."""
PLAN_LADDER = np.linspace(-1, 1, 5)
"""Battery powers a plan considers beside self-consumption, as parts of full power."""
BID_LADDER = np.linspace(-1, 1, 9)
"""Battery powers on offer beside self-consumption."""
CURTAILMENT_DKK_PER_KWH = 10.0
"""What a bid asks for giving up PV, beside the lost income: dearer than every other
option, so that PV is curtailed only when nothing else is left."""


@dataclass(frozen=True, slots=True, eq=False)
class PvBatteryPlan:
    """What a plan leaves behind for the bids until the next one."""

    first: int
    """Step at which it was made."""
    values_dkk: FloatArray
    """Opportunity cost after each step until the next plan, ``(n, steps, points)``."""


class PvBatterySites:
    """Homes with PV and battery that plan and bid together, by one fleet."""

    kind = "pv_batteries"

    def __init__(self, fleet: PvBatteryFleet, rules: PlanningRules) -> None:
        self.fleet = fleet
        self.rules = rules
        points = GRID_POINTS - 1
        self._spacing_kwh = (fleet.high_kwh - fleet.low_kwh) / points

    def start(self, ambient_c: float) -> FloatArray:
        """Return batteries in the middle of their range, whatever the weather."""
        del ambient_c
        return (self.fleet.low_kwh + self.fleet.high_kwh) / 2

    def plan(
        self, first: int, outlook: Outlook, surcharge_dkk_per_kwh: FloatArray
    ) -> PvBatteryPlan:
        """Value every state over the outlook, with congestion prices ``(a, t)``."""
        fleet = self.fleet
        efficiency = fleet.efficiency.mean() if fleet.efficiency.size else 1.0
        worth = outlook.import_dkk_per_kwh.mean() * efficiency - WEAR_DKK_PER_KWH
        values = battery_value.battery_values(
            fleet.low_kwh,
            fleet.high_kwh,
            fleet.power_max_kw,
            fleet.efficiency,
            self._net_kw(outlook),
            outlook.import_dkk_per_kwh,
            self._worth_dkk_per_kwh(outlook),
            surcharge_dkk_per_kwh[fleet.area],
            WEAR_DKK_PER_KWH,
            max(float(worth), 0.0),
            self.rules.step_h,
            PLAN_LADDER,
            GRID_POINTS,
            kept=self.rules.replan_steps,
        )
        return PvBatteryPlan(first, values)

    def bids(
        self, state: FloatArray, plan: PvBatteryPlan, now: Outlook, moment: Moment
    ) -> BidBook:
        """Return idle, self-consumption, the ladder, and curtailment as last resort."""
        fleet, step_h = self.fleet, self.rules.step_h
        net_kw = self._net_kw(now)
        low_kw, high_kw = battery_limits_kw(fleet, state, step_h)
        ladder_kw = fleet.power_max_kw[:, None] * BID_LADDER
        asked_kw = np.concatenate([ladder_kw, -net_kw], axis=1)
        battery_kw = np.clip(asked_kw, low_kw[:, None], high_kw[:, None])
        battery_kw = np.sort(battery_kw, axis=1)
        power_kw = net_kw + battery_kw
        after = stored_kwh(fleet, state, battery_kw, step_h) - fleet.low_kwh[:, None]
        since = moment.step - plan.first
        cost = _bill_dkk(power_kw, now, step_h)
        cost += step_h * WEAR_DKK_PER_KWH * np.maximum(-battery_kw, 0)
        cost += battery_value.values_at(
            plan.values_dkk[:, since], self._spacing_kwh, after
        )
        spilled_kw = np.maximum(-power_kw[:, -1:], 0)
        lost = now.export_dkk_per_kwh[0]
        if lost >= 0 or not self.rules.curtails_at_negative_price:
            lost += CURTAILMENT_DKK_PER_KWH
        power_kw = np.concatenate([power_kw, power_kw[:, -1:] + spilled_kw], axis=1)
        cost = np.concatenate([cost, cost[:, -1:] + step_h * lost * spilled_kw], axis=1)
        return BidBook(
            fleet.area,
            power_kw,
            cost,
            np.ones((power_kw.shape[0], power_kw.shape[1] - 1), dtype=np.bool_),
            np.zeros(len(fleet.site)),
            moment,
        )

    def apply(
        self, state: FloatArray, now: Outlook, power_kw: FloatArray
    ) -> tuple[FloatArray, dict[str, FloatArray]]:
        """Run a step at the given powers; return the next state and what to record."""
        fleet, step_h = self.fleet, self.rules.step_h
        load_kw = now.load_kw[:, 0]
        pv_kw = fleet.pv_kwp * now.pv_kw_per_kwp[0]
        parts = split(fleet, state, load_kw, pv_kw, power_kw, step_h)
        energy = stored_kwh(fleet, state, parts.battery_kw, step_h)
        energy = np.clip(energy, fleet.low_kwh, fleet.high_kwh)
        wear = step_h * WEAR_DKK_PER_KWH * np.maximum(-parts.battery_kw, 0)
        record = {
            "power_kw": power_kw,
            "energy_kwh": energy,
            "battery_kw": parts.battery_kw,
            "pv_kw": pv_kw,
            "curtailed_kw": parts.curtailed_kw,
            "load_kw": load_kw,
            "bill_dkk": _bill_dkk(power_kw, now, step_h),
            "wear_dkk": wear,
        }
        return energy, record

    def foresee(
        self, state: FloatArray, now: Outlook, power_kw: FloatArray
    ) -> FloatArray:
        """Return the next state: a battery's meter knows capacity and losses."""
        return self.apply(state, now, power_kw)[0]

    def reactive_kvar(self, power_kw: FloatArray) -> FloatArray:
        """Return zero: inverters run at unity power factor."""
        return np.zeros_like(power_kw)

    def store(
        self, state: FloatArray, outlook: Outlook, areas: int, moment: Moment
    ) -> StoreReport:
        """Return each area's batteries as one store, the homes' net load fixed."""
        fleet, steps = self.fleet, outlook.steps
        where = fleet.area, areas
        power = area_sums(fleet.power_max_kw, *where)
        size = fleet.high_kwh - fleet.low_kwh
        capacity = area_sums(size, *where)
        efficiency = area_sums(size * fleet.efficiency, *where)
        efficiency = np.where(power > 0, efficiency / np.maximum(capacity, 1e-9), 1.0)
        net_kw = self._net_kw(outlook)
        pv_kw = fleet.pv_kwp[:, None] * outlook.pv_kw_per_kwp
        return StoreReport(
            kind=self.kind,
            stored_kwh=area_sums(state - fleet.low_kwh, *where),
            capacity_kwh=np.repeat(capacity[:, None], steps + 1, axis=1),
            keep=np.ones(areas),
            need_kwh=np.zeros((areas, steps)),
            charge_gain=np.repeat(efficiency[:, None], steps, axis=1),
            charge_max_kw=np.repeat(power[:, None], steps, axis=1),
            discharge_loss=1 / efficiency,
            discharge_max_kw=power,
            wear_dkk_per_kwh=WEAR_DKK_PER_KWH,
            fixed_kw=area_sums(net_kw, *where),
            curtailable_kw=area_sums(pv_kw, *where),
            reactive_kvar=np.zeros(areas),
            moment=moment,
        )

    def _worth_dkk_per_kwh(self, outlook: Outlook) -> FloatArray:
        """Return what PV energy fed in is worth: not less than giving it up."""
        if self.rules.curtails_at_negative_price:
            return np.maximum(outlook.export_dkk_per_kwh, 0.0)
        return outlook.export_dkk_per_kwh

    def _net_kw(self, outlook: Outlook) -> FloatArray:
        return outlook.load_kw - self.fleet.pv_kwp[:, None] * outlook.pv_kw_per_kwp


def _bill_dkk(power_kw: FloatArray, now: Outlook, step_h: float) -> FloatArray:
    """Return what a step of net exchange costs: import and export priced apart."""
    price = np.where(power_kw > 0, now.import_dkk_per_kwh[0], now.export_dkk_per_kwh[0])
    bill: FloatArray = step_h * power_kw * price
    return bill
