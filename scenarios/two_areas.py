"""The scenario two_areas as an open mosaik script: change whatever is connected.

python scenarios/two_areas.py [SCENARIO [RESULTS]], the first a TOML file.
"""

import sys
from operator import itemgetter

import mosaik
from mosaik_components.bottomup.setting import settle

MODULES = ("profiles", "fleet", "aggregator", "dso", "grid", "recorder")
SIMULATORS = {
    name: {"python": f"mosaik_components.bottomup.{name}:Simulator"} for name in MODULES
}
TO_METER = (("P[MW]", "P_load[MW]"), ("Q[MVar]", "Q_load[MVar]"))
IMPORT, EXPORT = "import_price[DKK kWh-1]", "export_price[DKK kWh-1]"
MEASURED = ("loading[%]", "P_meters[MW]", "Q_meters[MVar]")


def main(scenario: str = "two_areas", out: str = "results/open-script.h5") -> None:
    """Start everything, connect it, and run."""
    setting = settle(scenario)
    loops = setting.max_loop_iterations  # a rehearsal of a day is within one step
    with mosaik.World(SIMULATORS, max_loop_iterations=loops) as world:
        # simulators: those who negotiate within a step are one group
        recorder = world.start("recorder", scenario=scenario, out=out).Results()
        profiles = world.start("profiles", scenario=scenario)
        grid = world.start("grid", scenario=scenario).Grid()
        with world.group("coordination"):
            fleets = world.start("fleet", scenario=scenario)
            aggregators = world.start("aggregator", scenario=scenario)
            dso = world.start("dso", scenario=scenario).Operator()
        weather, market = profiles.Weather(), profiles.Market()
        households = profiles.Households()
        homes, points = households.children_dict, grid.children_dict

        alone = set(homes)  # homes whose own load is not behind a site's meter
        parties = [market, households, grid, dso]
        for aggregator in aggregators.Aggregator.create(2):
            heat_pumps = fleets.HeatPumpFleet(aggregator=aggregator.eid)
            world.connect(weather, heat_pumps, "T_ambient[degC]", "GHI[W m-2]")
            world.connect(market, heat_pumps, IMPORT)
            batteries = fleets.PvBatteryFleet(aggregator=aggregator.eid)
            world.connect(weather, batteries, "pv_yield[kW kWp-1]")
            world.connect(market, batteries, IMPORT, EXPORT)
            for site in batteries.children:
                home = site.extra_info["home"]
                world.connect(homes[home], site, ("P[MW]", "P_load[MW]"))
                alone.remove(home)
            # the negotiation; the weak connections close its loops
            for fleet in (heat_pumps, batteries):
                mine = itemgetter(fleet.full_id)
                world.connect(fleet, aggregator, "bids")
                world.connect(aggregator, fleet, "answer", weak=True, transform=mine)
                for site in fleet.children:
                    world.connect(site, points[site.extra_info["home"]], *TO_METER)
            mine = itemgetter(aggregator.full_id)
            world.connect(aggregator, dso, "offer")
            world.connect(dso, aggregator, "envelope", weak=True, transform=mine)
            parties += [aggregator, heat_pumps, batteries]

        for home in sorted(alone):
            world.connect(homes[home], points[home], *TO_METER)
        # the DSO learns from what was measured in the step before
        start = dict.fromkeys(MEASURED, 0.0)
        for area in dso.children:
            transformer = points[f"{area.eid}-Transformer"]
            world.connect(
                transformer, area, *MEASURED, time_shifted=True, initial_data=start
            )
        for party in parties:
            world.connect(party, recorder, "record")
        world.run(until=setting.until)


if __name__ == "__main__":
    main(*sys.argv[1:])
