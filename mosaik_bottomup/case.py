"""What a scenario makes: its series, its network and its fleets.

Everything here is a function of the scenario alone, so that simulators in processes of
their own, each given the scenario's text, agree on all of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray, write_protect
from mosaik_bottomup.calendar import Calendar
from mosaik_bottomup.devices import estimate, heat_pump, pv_battery
from mosaik_bottomup.devices.draw import Population, draw_fleets
from mosaik_bottomup.devices.heat_pump import HeatPumpFleet
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import PlanningRules
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.grid import catalogue, medium_voltage
from mosaik_bottomup.grid import network as grid_network
from mosaik_bottomup.grid.network import Network
from mosaik_bottomup.inputs import (
    households,
    imbalance_price,
    orders,
    prices,
    weather,
)
from mosaik_bottomup.inputs.clock import LOCAL_ZONE, Clock
from mosaik_bottomup.inputs.forecast import (
    ErringForecast,
    Forecast,
    ForecastRules,
    PerfectForecast,
)
from mosaik_bottomup.inputs.forecast_error import ErrorRules
from mosaik_bottomup.inputs.series import Series, assemble
from mosaik_bottomup.inputs.tariff import RetailTariff, by_hour
from mosaik_bottomup.messages import Activation
from mosaik_bottomup.scenario import Grid, Scenario
from mosaik_bottomup.scenario.sections import OWN_RATING_KVA
from mosaik_bottomup.scenario.writing import table_text

PERCENT = 100.0
HISTORY_DAYS = 42
"""So long before the series the DSO has measured its areas, where it needs it."""
REHEARSAL_REACH_H = 48.0
"""No step that lies further ahead is rehearsed."""
NOT_OF_THE_HOMES: Mapping[str, set[str] | bool] = {
    "name": True,
    "run": {"strategy"},
    "grid": {
        "transformer_kva",
        "loading_limit_percent",
        "engine",
        "mv_voltage_pu",
        "household_power_factor",
        "voltage_min_pu",
        "voltage_max_pu",
    },
    "aggregators": {"imbalance_price_dkk_per_kwh", "segments"},
    "planning": {"indifference_dkk_per_kwh"},
    "dso": True,
    "day_ahead": True,
    "intraday": True,
    "alternatives": True,
    "activations": True,
    "solver": True,
    "results": True,
}
"""Keys of a scenario that neither its homes nor its series depend on."""


class Stream(IntEnum):
    """Independent random streams of one seed: a change in one leaves the others."""

    SITES = 0
    AGGREGATORS = 1
    HOUSEHOLDS = 2
    PACKETS = 3
    FORECASTS = 4
    ESTIMATES = 5
    IMBALANCE_PRICE = 6


def rng(scenario: Scenario, stream: Stream) -> np.random.Generator:
    """Return the generator of a stream."""
    return np.random.default_rng([scenario.run.seed, stream])


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """Homes of one kind under contract with one aggregator."""

    name: str
    aggregator: str
    sites: HeatPumpSites | PvBatterySites


@dataclass(frozen=True, eq=False)
class Case:
    """A scenario and what it makes."""

    scenario: Scenario
    network: Network
    series: Series
    """From the start of the warm-up to the end of the last plan's horizon."""
    fleets: tuple[Fleet, ...]
    """Sorted by aggregator, then kind; none is empty."""
    forecast: Forecast
    """What the parties can know of the series in advance."""
    past_household_kw: FloatArray
    """Load of each home from a local midnight on up to where the series begin, shape
    ``(homes, steps)``; no steps where forecasts are perfect."""

    @property
    def aggregators(self) -> tuple[str, ...]:
        """Names of the aggregators."""
        return aggregator_names(self.scenario)

    @cached_property
    def uncontrolled_kw(self) -> FloatArray:
        """Load of each home that is not behind the meter of a PV/battery home."""
        return self._without_sites(self.series.household_kw)

    @property
    def past_uncontrolled_kw(self) -> FloatArray:
        """Return the same before the series begin."""
        return self._without_sites(self.past_household_kw)

    @property
    def is_uncontrolled(self) -> BoolArray:
        """Whether a home's load is not behind a site's meter, shape ``(homes,)``."""
        alone = np.ones(len(self.network.home_names), dtype=np.bool_)
        for fleet in self.fleets:
            if isinstance(fleet.sites, PvBatterySites):
                alone[fleet.sites.fleet.home] = False
        return alone

    def _without_sites(self, household_kw: FloatArray) -> FloatArray:
        return np.where(self.is_uncontrolled[:, None], household_kw, 0.0)

    @property
    def calendar(self) -> Calendar:
        """When plans and rehearsals are due."""
        return calendar(self.scenario)


@dataclass(frozen=True, slots=True)
class _Homes:
    """What homes and series are made of, known by `homes_key` alone."""

    key: str
    scenario: Scenario = field(compare=False)
    home_area: IntArray = field(compare=False)


def aggregator_names(scenario: Scenario) -> tuple[str, ...]:
    """Return the names of the aggregators."""
    count = scenario.aggregators.count
    return tuple(f"aggregator-{number + 1}" for number in range(count))


def build(scenario: Scenario) -> Case:
    """Return all that a scenario makes.

    Cases of the same network, or of the same homes, that are built one after the other
    in a process share it; nobody can write into it.

    Raises
    ------
    InputError
        If a file of the user's own cannot be used.
    """
    network = build_network(scenario.grid)
    homes = _Homes(homes_key(scenario), scenario, network.home_area)
    return Case(scenario, network, *_build_homes(homes))


def build_network(grid: Grid) -> Network:
    """Return the areas with their transformers and what they share.

    Raises
    ------
    InputError
        If the user's own network cannot be used.
    """
    feeders = tuple(
        medium_voltage.Feeder(
            each.name,
            tuple(a for name in each.areas for a in grid.standing_for(name)),
            each.limit_kva,
            each.length_km,
            each.cable,
        )
        for each in grid.feeders
    )
    return _build_network(
        tuple(grid.networks.items()),
        catalogue.state_of(grid.file),
        grid.transformer_kva,
        grid.mv_voltage_pu,
        feeders,
        grid.hv_mv_kva,
    )


@lru_cache(maxsize=1)
def _build_network(
    areas: tuple[tuple[str, str], ...],
    file: catalogue.FileState,
    transformer_kva: tuple[float, ...],
    mv_voltage_pu: float,
    feeders: tuple[medium_voltage.Feeder, ...],
    hv_mv_kva: float,
) -> Network:
    known = catalogue.grids((name for _, name in areas), file)
    grids = {area: known[name] for area, name in areas}
    rating_kva = [
        float(grid.transformer.rating_kva[0]) if kva == OWN_RATING_KVA else kva
        for grid, kva in zip(grids.values(), transformer_kva, strict=True)
    ]
    return write_protect(
        grid_network.join(grids, rating_kva, mv_voltage_pu, feeders, hv_mv_kva)
    )


def homes_key(scenario: Scenario) -> str:
    """Return all that homes, their series and their warm-up are a function of.

    Equal for scenarios that differ in limits, strategies or solvers only. Of the user's
    own files it has name, size and time of the last change.
    """
    files = [getattr(section, "file", "") for _, section in scenario]
    files.append(scenario.settlement.imbalance_price_file)
    states = [Path(file).stat() for file in files if file]
    changed = [f"# {state.st_size} {state.st_mtime_ns}\n" for state in states]
    told = scenario.model_dump(exclude=NOT_OF_THE_HOMES)
    return table_text(told) + "".join(changed)


@lru_cache(maxsize=1)
def _build_homes(
    homes: _Homes,
) -> tuple[Series, tuple[Fleet, ...], Forecast, FloatArray]:
    scenario, home_area = homes.scenario, homes.home_area
    series = write_protect(build_series(scenario, home_area.size))
    return (
        series,
        draw_all_fleets(scenario, home_area),
        build_forecast(scenario, series),
        write_protect(build_past(scenario, series)),
    )


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


def build_series(scenario: Scenario, homes: int) -> Series:
    """Return the series of warm-up, run and the last plan's horizon."""
    run, pv = scenario.run, scenario.pv
    start = pd.Timestamp(scenario.start_utc())
    start -= pd.Timedelta(seconds=run.warm_up_steps * run.step_s)
    steps = run.warm_up_steps + run.steps + calendar(scenario).horizon_steps
    clock = Clock(start, run.step_s, steps)
    sky, day_ahead, load, imbalance = _own_series(scenario, homes, clock)
    if sky is None:
        region, offset_k = scenario.weather.region, scenario.weather.offset_k
        sky = weather.read_try(region, clock, offset_k)
    if day_ahead is None:
        seed = scenario.prices.residual_seed
        noise = np.random.default_rng(seed) if seed else None
        day_ahead = prices.model_day_ahead_dkk_per_kwh(sky, clock, noise)
    if imbalance is None:
        imbalance = imbalance_price.synthetic_dkk_per_kwh(
            day_ahead,
            clock,
            scenario.settlement.imbalance_spread_dkk_per_kwh,
            rng(scenario, Stream.IMBALANCE_PRICE),
        )
    if load is None:
        load = _drawn_households(scenario, homes, clock)
    return assemble(
        clock,
        sky,
        day_ahead,
        imbalance,
        retail_tariff(scenario),
        load,
        latitude_deg=pv.latitude_deg,
        longitude_deg=pv.longitude_deg,
        tilt_deg=pv.tilt_deg,
        azimuth_deg=pv.azimuth_deg,
    )


def build_forecast(scenario: Scenario, series: Series) -> Forecast:
    """Return what can be known of the series in advance."""
    forecast = scenario.forecast
    if not forecast.error_scale:
        return PerfectForecast(series)

    def errors(sd: tuple[float, float, float], correlation_h: float) -> ErrorRules:
        first, second, third = (forecast.error_scale * each for each in sd)
        return ErrorRules(
            (first, second, third),
            correlation_h,
            forecast.renewed_every_h,
            forecast_reach_h(scenario) + forecast.renewed_every_h,
        )

    rules = ForecastRules(
        errors(forecast.temperature_sd_k, forecast.weather_correlation_h),
        errors(forecast.irradiance_sd, forecast.weather_correlation_h),
        errors(forecast.household_sd, forecast.household_correlation_h),
        forecast.prices_published_h,
        scenario.tariff.vat_factor,
        (scenario.run.seed, Stream.FORECASTS),
    )
    return ErringForecast(series, rules)


def forecast_reach_h(scenario: Scenario) -> float:
    """Return how far ahead anybody asks for a forecast."""
    planning = scenario.planning
    return REHEARSAL_REACH_H + planning.horizon_h + planning.every_h


def build_past(scenario: Scenario, series: Series) -> FloatArray:
    """Return the homes' load of the weeks before the series, where it is needed.

    Drawn, or read, as the series are: homes have the same load at the same time.

    Raises
    ------
    InputError
        If the user's own file does not reach back so far.
    """
    homes, clock = series.household_kw.shape[0], series.clock
    if not scenario.forecast.error_scale:
        return np.zeros((homes, 0))
    midnight = clock.start.tz_convert(LOCAL_ZONE).normalize()
    start = (midnight - pd.DateOffset(days=HISTORY_DAYS)).tz_convert("UTC")
    steps = (clock.start - start) // pd.Timedelta(seconds=clock.step_s)
    past = Clock(start, clock.step_s, int(steps))
    if file := scenario.households.file:
        return households.read_csv(Path(file), homes, past)
    return _drawn_households(scenario, homes, past)


def _drawn_households(scenario: Scenario, homes: int, clock: Clock) -> FloatArray:
    return households.draw_kw(
        homes,
        clock,
        rng(scenario, Stream.HOUSEHOLDS),
        scenario.households.median_kwh,
        scenario.households.sigma,
    )


def _own_series(
    scenario: Scenario, homes: int, clock: Clock
) -> tuple[
    weather.Weather | None, FloatArray | None, FloatArray | None, FloatArray | None
]:
    """Read what the user brings; report what is wrong in all files at once."""
    sky: weather.Weather | None = None
    day_ahead: FloatArray | None = None
    load: FloatArray | None = None
    imbalance: FloatArray | None = None
    problems: list[Problem] = []
    if file := scenario.weather.file:
        try:
            sky = weather.read_csv(Path(file), clock, scenario.weather.offset_k)
        except InputError as error:
            problems += error.problems
    if file := scenario.prices.file:
        try:
            day_ahead = prices.read_csv(Path(file), clock)
        except InputError as error:
            problems += error.problems
    if file := scenario.households.file:
        try:
            load = households.read_csv(Path(file), homes, clock)
        except InputError as error:
            problems += error.problems
    if file := scenario.settlement.imbalance_price_file:
        try:
            imbalance = imbalance_price.read_csv(Path(file), clock)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return sky, day_ahead, load, imbalance


def order_frame(scenario: Scenario) -> orders.Frame:
    """Return the run that orders of the transmission system operator must fit into."""
    run = scenario.run
    return orders.Frame(
        aggregator_names(scenario),
        scenario.grid.area_names,
        run.start,
        run.step_s,
        run.steps,
    )


def activations(scenario: Scenario) -> list[tuple[str, Activation]]:
    """Return all that is ordered in a run, each with the aggregator it is for.

    Raises
    ------
    InputError
        If the file of orders cannot be used.
    """
    frame, section = order_frame(scenario), scenario.activations
    all_orders = [orders.Order(**order.model_dump()) for order in section.orders]
    if section.file:
        all_orders += orders.read_csv(Path(section.file), frame)
    return [
        (order.aggregator, orders.activation(order, number, frame))
        for number, order in enumerate(all_orders, start=1)
    ]


def notice_steps(scenario: Scenario) -> int:
    """Return how many whole steps before its start an order becomes known.

    A notice that is no whole number of steps is heard in the first step it reaches, so
    that nobody knows of an order sooner.
    """
    notice_s = scenario.activations.notice_min * orders.SECONDS_PER_MINUTE
    return int(notice_s // scenario.run.step_s)


def retail_tariff(scenario: Scenario) -> RetailTariff:
    """Return what a customer pays."""
    tariff = scenario.tariff
    return RetailTariff(
        by_hour(*tariff.winter_dkk_per_kwh),
        by_hour(*tariff.summer_dkk_per_kwh),
        tariff.transmission_dkk_per_kwh,
        tariff.margin_dkk_per_kwh,
        tariff.tax_dkk_per_kwh,
        tariff.vat_factor,
        tariff.feed_in_deduction_dkk_per_kwh,
    )


def _with_band(
    batteries: pv_battery.PvBatteryFleet, scenario: Scenario
) -> pv_battery.PvBatteryFleet:
    """Return the batteries less the band they keep for the TSO."""
    reserve = scenario.reserve
    try:
        return pv_battery.keep_band(batteries, reserve.band_kw, reserve.band_h)
    except ValueError as error:
        value = f"{reserve.band_kw:g}"
        problem = Problem(scenario.name, "reserve.band_kw", value, str(error))
        raise InputError([problem]) from error


def draw_all_fleets(scenario: Scenario, home_area: IntArray) -> tuple[Fleet, ...]:
    """Return every aggregator's fleets, the sites dealt out in random order."""
    sites, run, planning = scenario.sites, scenario.run, scenario.planning
    population = Population(
        sites.heat_pumps,
        sites.pv_batteries,
        sites.inverter_share,
        sites.ua_w_per_k,
        sites.comfort_lower_c,
        sites.comfort_width_k,
        sites.pv_kwp,
        sites.battery_kwh,
        sites.battery_c_rate,
    )
    rules = PlanningRules(
        run.step_h,
        run.steps_in(planning.every_h),
        run.steps_in(planning.guard_h),
        run.steps_in(sites.min_run_h),
        planning.band_up_k,
        planning.band_margin_k,
        curtails_at_negative_price=sites.curtails_at_negative_price,
    )
    pumps, batteries = draw_fleets(population, home_area, rng(scenario, Stream.SITES))
    believed = believed_fleet(scenario, pumps)
    batteries = _with_band(batteries, scenario)
    dealer = rng(scenario, Stream.AGGREGATORS)
    count = scenario.aggregators.count
    of_pump = dealer.permutation(sites.heat_pumps) % count
    # the next aggregator in turn goes on, so that few sites still reach all of them
    of_battery = (dealer.permutation(sites.pv_batteries) + sites.heat_pumps) % count
    fleets = []
    for number in range(count):
        name = f"aggregator-{number + 1}"
        mine = np.flatnonzero(of_pump == number)
        if mine.size:
            fleet = heat_pump.take(pumps, mine)
            factor = scenario.grid.heat_pump_power_factor
            mine_believed = heat_pump.take(believed, mine)
            pump_sites = HeatPumpSites(fleet, rules, factor, mine_believed)
            fleets.append(Fleet(f"heat-pumps-{number + 1}", name, pump_sites))
        mine = np.flatnonzero(of_battery == number)
        if mine.size:
            battery_sites = PvBatterySites(pv_battery.take(batteries, mine), rules)
            fleets.append(Fleet(f"pv-batteries-{number + 1}", name, battery_sites))
    return tuple(fleets)


def believed_fleet(scenario: Scenario, pumps: HeatPumpFleet) -> HeatPumpFleet:
    """Return what homes believe of themselves, with the band that their guard keeps.

    Raises
    ------
    InputError
        If the guard's margin leaves nothing of a home's band.
    """
    sites, planning, step_h = scenario.sites, scenario.planning, scenario.run.step_h
    weather_k = scenario.forecast.error_scale * scenario.forecast.guard_margin_k
    error = sites.parameter_error_percent / PERCENT
    margin_k = np.full(len(pumps.site), planning.guard_margin_k + weather_k)
    believed = pumps
    if error:
        believed = estimate.mistaken(pumps, error, rng(scenario, Stream.ESTIMATES))
        spread_k = estimate.step_spread_k(believed, error, step_h)
        margin_k += planning.guard_margin_spreads * spread_k
    most_k = float(margin_k.max(initial=0.0))
    if not 2 * most_k < sites.comfort_width_k:
        remedy = (
            f"the guard keeps {most_k:.2f} K from both edges of a comfort band of "
            f"{sites.comfort_width_k:g} K; lower guard_margin_k, guard_margin_spreads, "
            "sites.parameter_error_percent or forecast.guard_margin_k"
        )
        raise InputError(
            [
                Problem(
                    scenario.name,
                    "planning.guard_margin_k",
                    f"{planning.guard_margin_k:g}",
                    remedy,
                )
            ]
        )
    return estimate.guarded(believed, margin_k)
