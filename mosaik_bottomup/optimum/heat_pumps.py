"""Heat-pump homes in the optimum: two temperatures and a power per step."""

import numpy as np
import pulp

from mosaik_bottomup.devices import house
from mosaik_bottomup.devices.heat_pump import MODULATION, cop, gains_kw
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.optimum.build import Build, Term
from mosaik_bottomup.optimum.reference import Lived

SLACK_K = 1e-6
"""Forgives the rounding of the temperatures that a run reports."""
INSIDE_K = 1e-5
"""Kept from the band's lower edge where the run kept it too, so that what a solver
tolerates is no breach of comfort."""


def add_heat_pumps(
    build: Build,
    name: str,
    sites: HeatPumpSites,
    outlook: Outlook,
    lived: Lived,
    *,
    on_off: bool,
) -> None:
    """Add the homes of a fleet; `lived` holds air and floor temperatures."""
    homes, add = sites.fleet, build.problem.add_variable
    response = house.discretise(homes.houses, build.step_h)
    full_kw = homes.heat_kw[:, None] / cop(outlook.ambient_c, homes.inverter)
    gains = gains_kw(homes, outlook.global_w_m2)
    drift = (
        response.per_ambient[:, None] * outlook.ambient_c[:, None]
        + response.per_gain_kw[:, None] * gains[:, :, None]
    )
    lift = response.per_heat_kw * homes.heat_kw[:, None]
    # comfort, and at the end no less than the run had; where weather alone carried the
    # run above the band, the optimum may be as warm
    spare = lived.level - homes.comfort_low_c[:, None]
    low = homes.comfort_low_c[:, None] + np.clip(spare, 0, INSIDE_K)
    low[:, -1] = lived.end[:, 0] - SLACK_K
    high = np.maximum(homes.comfort_high_c[:, None], lived.level)
    meters = []
    for i in range(len(homes.site)):
        before: list[pulp.LpVariable] = []
        meter = []
        for k in range(outlook.steps):
            tag = f"{name}_{i}_{k}"
            part = _add_part(build, tag, bool(homes.inverter[i]), on_off)
            ends = k == outlook.steps - 1
            floor_low = float(lived.end[i, 1]) - SLACK_K if ends else None
            air = add(f"air_{tag}", float(low[i, k]), float(high[i, k]))
            floor = add(f"floor_{tag}", floor_low)
            for row, node in enumerate((air, floor)):
                keep = response.transition[i, row]
                constant = float(drift[i, k, row])
                terms = [(node, 1.0)]
                terms += [(at, -c * float(lift[i, row])) for at, c in part]
                if before:
                    terms += [
                        (at, -float(c)) for at, c in zip(before, keep, strict=True)
                    ]
                else:
                    constant += float(keep @ lived.start[i])
                law = pulp.lpSum_vars_coefs(terms) == constant
                build.problem += law, f"heat_{row}_{tag}"
            before = [air, floor]
            draw = [(at, c * float(full_kw[i, k])) for at, c in part]
            price = build.step_h * float(outlook.import_dkk_per_kwh[k])
            build.cost += [(at, c * price) for at, c in draw]
            build.exchange[homes.area[i]][k] += draw
            meter.append(draw)
        meters.append(meter)
    build.meters[name] = meters


def _add_part(build: Build, tag: str, inverter: bool, on_off: bool) -> list[Term]:
    """Add how much of full power a machine runs at; return it as a sum of terms."""
    add = build.problem.add_variable
    if not on_off:
        return [(add(f"part_{tag}", 0, 1), 1.0)]
    runs = add(f"on_{tag}", cat="Binary")
    if not inverter:
        return [(runs, 1.0)]
    half = MODULATION[1]
    more = add(f"more_{tag}", 0, 1)
    build.problem += more - runs <= 0, f"modulates_{tag}"
    return [(runs, half), (more, 1 - half)]
