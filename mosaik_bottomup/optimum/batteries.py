"""PV/battery homes in the optimum: a battery behind a meter that buys and sells."""

import pulp

from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.devices.pv_battery import WEAR_DKK_PER_KWH
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.optimum.build import Build, Term
from mosaik_bottomup.optimum.reference import Lived

SLACK_KWH = 1e-6
"""Forgives the rounding of the energies that a run reports."""


def add_batteries(
    build: Build, name: str, sites: PvBatterySites, outlook: Outlook, lived: Lived
) -> None:
    """Add the homes of a fleet; `lived` holds stored energies."""
    homes, add = sites.fleet, build.problem.add_variable
    h = build.step_h
    pv_kw = homes.pv_kwp[:, None] * outlook.pv_kw_per_kwp
    net_kw = outlook.load_kw - pv_kw
    low, high = homes.low_kwh, homes.high_kwh
    meters = []
    for i in range(len(homes.site)):
        most, efficiency = float(homes.power_max_kw[i]), float(homes.efficiency[i])
        before: list[Term] = []
        meter = []
        for k in range(outlook.steps):
            tag = f"{name}_{i}_{k}"
            # beyond everything on, or out, trade is a circle through the meter
            bought = add(f"import_{tag}", 0, float(outlook.load_kw[i, k]) + most)
            sold = add(f"export_{tag}", 0, float(pv_kw[i, k]) + most)
            charge, give = add(f"charge_{tag}", 0, most), add(f"give_{tag}", 0, most)
            curtailed = add(f"curtail_{tag}", 0, float(pv_kw[i, k]))
            ends = k == outlook.steps - 1
            least = float(lived.end[i]) if ends else float(low[i])
            stored = add(f"stored_{tag}", least - SLACK_KWH, float(high[i]) + SLACK_KWH)
            exchange = [(bought, 1.0), (sold, -1.0)]
            behind = [(charge, -1.0), (give, 1.0), (curtailed, -1.0)]
            law = pulp.lpSum_vars_coefs(exchange + behind) == float(net_kw[i, k])
            build.problem += law, f"meter_{tag}"
            terms = [(stored, 1.0), (charge, -h * efficiency), (give, h / efficiency)]
            constant = 0.0 if before else float(lived.start[i])
            law = pulp.lpSum_vars_coefs(terms + before) == constant
            build.problem += law, f"energy_{tag}"
            before = [(stored, -1.0)]
            build.cost += [
                (bought, h * float(outlook.import_dkk_per_kwh[k])),
                (sold, -h * float(outlook.export_dkk_per_kwh[k])),
                (give, h * WEAR_DKK_PER_KWH),
            ]
            build.exchange[homes.area[i]][k] += exchange
            meter.append(exchange)
        meters.append(meter)
    build.meters[name] = meters
