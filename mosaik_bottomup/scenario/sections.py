"""The sections of a scenario, their keys, units, bounds and defaults.

The defaults are the scenario ``two_areas``. Units are part of the names; ranges
``[low, high]`` are what a site's own value is drawn from.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from mosaik_bottomup.scenario.values import (
    SECONDS_PER_HOUR,
    Moment,
    NightDayPeak,
    PerArea,
    Percent,
    Range,
    RatingPerArea,
    Rising,
    Section,
    StepSeconds,
    Word,
    as_tuple,
)
from mosaik_bottomup.scenario.writing import table_text

type StrategyName = Literal[
    "two-stage",
    "stage-one",
    "price-only",
    "thermostat",
    "static-cap",
    "packet",
    "packet-unlimited",
    "price-iteration",
    "optimum",
]

OWN_RATING_KVA = 0.0
"""Stands for the rating that a grid gives its transformer itself."""


class Run(Section):
    """When, how long, in which steps and by which strategy."""

    start: Moment = datetime(2016, 1, 4, tzinfo=timezone(timedelta(hours=1)))
    """Begin of the first counted step, with time zone; lies on a whole step."""
    duration_h: float = Field(default=24.0, gt=0, le=8784)
    """What is counted, in hours; whole steps."""
    step_s: StepSeconds = 900
    """Length of a step in seconds."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """All that is drawn at random is drawn from this seed."""
    warm_up_h: float = Field(default=24.0, ge=0, le=168)
    """Price-only hours before `start` that are run and not counted; whole steps."""
    strategy: StrategyName = "two-stage"
    """``two-stage`` coordinates and secures. To compare with: in ``stage-one``
    aggregators follow what they sold and nobody secures; in ``price-only`` each site
    does what is cheapest for itself; in ``thermostat`` it knows no price; in
    ``static-cap`` all sites are capped alike in critical hours; in ``packet`` they ask
    for energy at random (``packet-unlimited``: and nobody secures); in
    ``price-iteration`` a surcharge is to keep the limits; ``optimum`` foresees all."""

    @property
    def step_h(self) -> float:
        """Length of a step in hours."""
        return self.step_s / SECONDS_PER_HOUR

    @property
    def steps(self) -> int:
        """Steps that are counted."""
        return self.steps_in(self.duration_h)

    @property
    def warm_up_steps(self) -> int:
        """Steps that are run before the first counted one."""
        return self.steps_in(self.warm_up_h)

    def steps_in(self, hours: float) -> int:
        """Whole steps that cover so many hours (rounded up)."""
        # a thousandth of a second forgives hours such as 1/3 written as decimals
        milliseconds = round(hours * SECONDS_PER_HOUR * 1000)
        return -(-milliseconds // (self.step_s * 1000))


class Feeder(Section):
    """A medium-voltage line from the busbar through some of the areas."""

    name: Word
    """What the line is called."""
    areas: Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)]
    """Areas along it, from the busbar outward; a name in `grid.areas` stands for all
    its copies."""
    limit_kva: float = Field(gt=0)
    """What may flow through its first section, in either direction."""
    length_km: float = Field(default=1.0, gt=0, le=100)
    """Length of each section: to the first area, and from each area to the next."""
    cable: Literal[
        "NA2XS2Y 1x70",
        "NA2XS2Y 1x95",
        "NA2XS2Y 1x120",
        "NA2XS2Y 1x150",
        "NA2XS2Y 1x185",
        "NA2XS2Y 1x240",
    ] = "NA2XS2Y 1x150"
    """Type of the 12/20 kV cable, by the cross-section of its aluminium conductors."""


class Grid(Section):
    """The low-voltage areas, their transformers, and what the network must keep."""

    areas: dict[Word, str] = Field(
        default={"A": "LV2.101", "B": "LV3.101"}, min_length=1
    )
    """Name of each area and the SimBench grid it is, by name or code; the packaged ones
    are LV2.101 and LV3.101, all others need the extra ``simbench``. With `file` the
    zone it is."""
    file: str = ""
    """A pandapower network of your own as JSON instead of SimBench's, relative to the
    scenario file; column ``zone`` of its buses says what belongs together."""
    copies: int = Field(default=1, ge=1, le=10_000)
    """How often each of them stands there; copies of A are areas A-1, A-2, ..."""
    transformer_kva: RatingPerArea = (160.0, 160.0)
    """Rating of each transformer, whatever its grid says; 0: what the grid says, which
    is the default with `file`. One number holds for every area, one for each name in
    `areas` for all its copies."""
    loading_limit_percent: PerArea = (100.0, 100.0)
    """Loading the DSO allows, of the rating; given like `transformer_kva`."""
    feeders: Annotated[tuple[Feeder, ...], BeforeValidator(as_tuple)] = ()
    """Lines that areas share, each a table with the keys name, areas, limit_kva,
    length_km and cable; an area on none hangs on the busbar."""
    hv_mv_kva: float = Field(default=0.0, ge=0)
    """What the HV/MV transformer above the busbar may carry; 0: there is no limit."""
    engine: Literal["power-grid-model", "pandapower"] = "power-grid-model"
    """Who solves the power flow; both agree, the first is a hundred times faster."""
    mv_voltage_pu: float = Field(default=1.025, ge=0.9, le=1.1)
    """Voltage at the medium-voltage busbar that feeds all areas."""
    household_power_factor: float = Field(default=0.95, gt=0, le=1)
    """Of the households' own load, inductive."""
    heat_pump_power_factor: float = Field(default=0.98, gt=0, le=1)
    """Of running heat pumps, inductive."""
    voltage_min_pu: float = Field(default=0.9, gt=0, le=1)
    """Lowest voltage the certificate accepts (EN 50160)."""
    voltage_max_pu: float = Field(default=1.1, ge=1, le=1.5)
    """Highest voltage the certificate accepts (EN 50160)."""

    @model_validator(mode="before")
    @classmethod
    def _one_number_for_many_areas(cls, raw: object) -> object:
        if not isinstance(raw, Mapping):
            return raw
        areas = raw.get("areas", cls.model_fields["areas"].default)
        copies = raw.get("copies", 1)
        if not isinstance(areas, Mapping) or not isinstance(copies, int):
            return raw
        spread = dict(raw)
        for key in ("transformer_kva", "loading_limit_percent"):
            default = cls.model_fields[key].default[0]
            if key == "transformer_kva" and raw.get("file"):
                default = OWN_RATING_KVA
            value = spread.get(key, default)
            if isinstance(value, int | float) and not isinstance(value, bool):
                value = (value,) * len(areas)
            if isinstance(value, list | tuple) and len(value) == len(areas):
                value = tuple(each for each in value for _ in range(copies))
            spread[key] = value
        return spread

    @property
    def networks(self) -> dict[str, str]:
        """The grid of each area by name, copies one after the other."""
        return {
            area: code
            for name, code in self.areas.items()
            for area in self.standing_for(name)
        }

    def standing_for(self, name: str) -> tuple[str, ...]:
        """Return the areas that a name stands for: all copies, or the area itself."""
        if name in self.areas and self.copies > 1:
            return tuple(f"{name}-{number + 1}" for number in range(self.copies))
        return (name,)

    @property
    def area_names(self) -> tuple[str, ...]:
        """Names of all areas, in the order of the file."""
        return tuple(self.networks)


class Sites(Section):
    """The homes with controllable devices, and the ranges they are drawn from."""

    heat_pumps: int = Field(default=80, ge=0)
    """Homes with a heat pump."""
    pv_batteries: int = Field(default=70, ge=0)
    """Other homes, with PV and a battery behind the meter."""
    inverter_share: float = Field(default=0.5, ge=0, le=1)
    """Share of heat pumps that can run at half power; the others are on or off."""
    pv_kwp: Range = (4.0, 8.0)
    """Peak power of a PV system."""
    battery_kwh: Range = (6.0, 12.0)
    """Capacity of a battery."""
    battery_c_rate: Range = (0.4, 0.5)
    """Power of a battery per capacity, 1/h."""
    ua_w_per_k: Range = (100.0, 250.0)
    """Heat a house loses per kelvin."""
    comfort_lower_c: Range = (20.0, 20.5)
    """Lower edge of the comfort band, air temperature."""
    comfort_width_k: float = Field(default=2.0, ge=0.5, le=10)
    """Width of the comfort band."""
    min_run_h: float = Field(default=0.25, gt=0, le=6)
    """Least time a heat pump stays on or off, rounded up to whole steps."""
    parameter_error_percent: float = Field(default=0.0, ge=0, le=30)
    """Standard deviation of what homes with heat pumps know wrong of themselves: heat
    transfers, capacities, gains and COP, each on its own, never beyond twice that."""
    curtails_at_negative_price: bool = False
    """Whether homes give up PV of their own accord where feeding it in costs money;
    else only what no other option is left for is curtailed."""


class Aggregators(Section):
    """Who sells the flexibility, and what missing the schedule costs."""

    count: int = Field(default=2, ge=1, le=100)
    """Number of aggregators; the sites are shared out among them."""
    imbalance_price_dkk_per_kwh: float = Field(default=0.15, ge=0)
    """What each kWh beside the schedule is taken to cost, in either direction."""
    segments: int = Field(default=60, ge=2, le=10_000)
    """Most segments of one merit order; neighbouring ones are merged beyond it."""


class Planning(Section):
    """How each site looks ahead to price its options."""

    every_h: float = Field(default=2.0, gt=0, le=24)
    """Time between two plans; whole steps."""
    horizon_h: float = Field(default=24.0, ge=24, le=48)
    """How far a plan reaches; whole steps."""
    guard_h: float = Field(default=6.0, gt=0, le=24)
    """How far ahead comfort is checked before an option is offered. Half a day and more
    keeps homes cold in spring: a night sees a noon whose sun alone breaks the band."""
    guard_margin_k: float = Field(default=0.0, ge=0, le=2)
    """How far plans and the guard keep from both edges of the comfort band."""
    guard_margin_spreads: float = Field(default=1.5, ge=0, le=10)
    """The same on top, in standard deviations of the error of a step's foretold air
    temperature; none where `sites.parameter_error_percent` is zero."""
    band_up_k: float = Field(default=1.7, ge=0, le=5)
    """How far the look-ahead may fill the houses above the comfort band, as means."""
    band_margin_k: float = Field(default=0.02, ge=0, le=2)
    """How far plans stay above the comfort band's lower edge."""
    indifference_dkk_per_kwh: float = Field(default=0.005, ge=0, le=1)
    """What differs by less costs a site the same, and then it acts sooner. The warm-up
    always goes by 0.005, so that all runs start alike."""


class Dso(Section):
    """How the network operator shares out the headroom."""

    allocation: Literal["least-cost", "proportional"] = "least-cost"
    """Cheapest use of the headroom, or the same share for every aggregator."""
    look_ahead: Literal["store", "rehearsal", "combined", "none"] = "combined"
    """Where the congestion prices of the coming hours come from."""
    loading_margin_percent: Percent = 1.0
    """Kept free below the limit for what the headroom's approximation misses."""
    security_probability: float = Field(default=0.99, gt=0.5, lt=1)
    """With which the uncontrolled load stays within the DSO's forecast and margin, on
    either side; of no effect where forecasts are perfect."""
    deviation_fee_dkk_per_kwh: float = Field(default=0.0, ge=0, le=10)
    """What aggregators pay the DSO for each kWh beside a schedule it has checked, on
    top of the imbalance price: it has secured the others on what they all sold."""


class Forecast(Section):
    """How wrong forecasts are, for sites and DSO alike.

    Standard deviations are stated for leads of 1, 12 and 36 h.
    """

    error_scale: float = Field(default=0.0, ge=0, le=5)
    """Multiplies all standard deviations below; at 0 everything is foreseen: weather,
    load and prices. Above 0 the DSO too foresees from past measurements alone."""
    temperature_sd_k: Rising = (0.7, 1.1, 1.75)
    """Of the ambient temperature. At 2 m, weather models are off by about 1 K on the
    first day and by 1.5 to 2 K on the second (ECMWF, Technical Memorandum 902)."""
    irradiance_sd: Rising = (0.2, 0.3, 0.4)
    """Of the irradiance, as part of it; PV generation follows. Weather models are off
    by 25 to 40 % of the mean (R. Perez et al., Solar Energy 94 (2013) 305-326)."""
    household_sd: Rising = (0.4, 0.45, 0.5)
    """Of one home's own load, as part of its mean. Single homes are foreseen to within
    30 to 60 % (S. Haben et al., Int. J. Forecasting 30 (2014) 246-256)."""
    weather_correlation_h: float = Field(default=6.0, gt=0, le=48)
    """Time over which the correlation of the weather's errors falls to 1/e."""
    household_correlation_h: float = Field(default=1.0, gt=0, le=48)
    """The same for the errors of a home's load."""
    guard_margin_k: float = Field(default=0.2, ge=0, le=0.5)
    """How far inside the comfort band homes keep what is certain, for weather that
    turns out worse than foreseen; `error_scale` multiplies it."""
    renewed_every_h: float = Field(default=6.0, gt=0, le=24)
    """Time between two issues of the forecasts; whole steps."""
    prices_published_h: float = Field(default=13.0, ge=0, le=24)
    """Local hour at which the next day's market prices are known. Those not known yet
    are taken as on the last day known."""


class DayAhead(Section):
    """The rehearsal that makes the schedule before the day begins."""

    gate_closure_h: float = Field(default=0.0, ge=0, lt=24)
    """Hour of the day before, on the wall clock, at which a day's schedule is sold
    (Nord Pool and EPEX: 12); whole steps. 0: each 24 h at their own start."""
    rehearsal: bool = True
    """Whether the coming day is run on forecasts first."""
    rounds: int = Field(default=5, ge=1, le=20)
    """Most rounds of rehearsal by margin, and by prices fed back."""
    first_margin_percent: Percent = 0.0
    """Margin below the limit in the look-ahead, in the first round."""
    margin_step_percent: Percent = 3.0
    """By how much an area's margin grows while its rehearsal is short of room."""
    reserve_percent: Percent = 15.0
    """Part of the limit that must-run is to leave free in a rehearsal: as much as the
    day may go otherwise. Near an empty store that is much: a kWh less in batteries is
    4 kW less for a quarter of an hour. 22 kW of 138 have been seen on a cold day."""


class Intraday(Section):
    """Trading the schedule once it is sold."""

    every_h: float = Field(default=0.0, ge=0, le=24)
    """Time between two rounds of trading; whole steps. 0: the schedule stays."""
    gate_closure_h: float = Field(default=1.0, ge=0, le=12)
    """Nothing that begins sooner than this is traded; whole steps."""
    reach_h: float = Field(default=4.0, gt=0, le=24)
    """Nothing that begins later than this is traded; whole steps."""
    cost_dkk_per_kwh: float = Field(default=0.03, ge=0, le=10)
    """Spread paid for each kWh traded, beside the day-ahead price."""


class Reserve(Section):
    """What aggregators keep for the TSO, and how they offer it."""

    firm_share: float = Field(default=0.8, gt=0, le=1)
    """Part of what held in all trials that is offered; the rest is kept back."""
    gate_min: float = Field(default=45.0, ge=0, le=720)
    """How long before its block an offer is made at the latest, and nothing known later
    used: 45 min is the gate closure of the Nordic mFRR energy activation market (Nordic
    Balancing Model), 25 min that of the European one (MARI)."""
    security_probability: float = Field(default=0.99, gt=0.5, lt=1)
    """With which weather and homes' load each stay within what an offer must hold on,
    on either side; of no effect where forecasts are perfect."""
    rebound_h: float = Field(default=4.0, ge=0, le=24)
    """How long after an activation its rebound is to stay under the limit for it to
    be offered."""
    band_kw: float = Field(default=0.0, ge=0)
    """Symmetric band that all batteries together keep free, up and down, in power and
    in energy; sold as reserved power."""
    band_h: float = Field(default=1.0, gt=0, le=24)
    """How long the band can be called in full in one direction."""


class Alternatives(Section):
    """What the strategies to compare with go by."""

    site_cap_kw: float = Field(default=4.2, gt=0)
    """Most a site may draw in a critical step of ``static-cap``; section 14a of the
    German energy act says 4.2."""
    packet_mean_time_h: float = Field(default=0.1, gt=0, le=24)
    """How long a home at the middle of its band waits in ``packet`` till it asks."""
    surcharge_rounds: int = Field(default=20, ge=1, le=100)
    """Most rounds of ``price-iteration``."""
    surcharge_gain_dkk_per_kwh: float = Field(default=0.1, gt=0)
    """By how much its first round raises the surcharge where load is twice the limit.
    """
    optimum_on_off: bool = False
    """Whether in ``optimum`` machines run at powers they have, instead of any in
    between: what a run could have done, for small cases only."""


class Order(Section):
    """One activation that the transmission system operator will order."""

    product: Word
    """Such as mFRR."""
    aggregator: str
    """Who is ordered."""
    area: str = ""
    """In which area it is to be delivered; empty: anywhere in the portfolio."""
    delta_kw: float
    """Deviation from the schedule, consumption positive: up-regulation is less
    consumption and negative, down-regulation more and positive."""
    start: Moment
    """Begin of the deviation, with time zone; on a whole step."""
    ramp_min: float = Field(default=0.0, ge=0)
    """From nothing to the full deviation, linearly; mFRR has 12.5."""
    duration_min: float = Field(gt=0)
    """Length of the deviation, its ramp included; whole steps."""


class Activations(Section):
    """What the transmission system operator orders of the aggregators."""

    file: str = ""
    """A CSV of orders, relative to the scenario file; with orders or instead."""
    orders: Annotated[tuple[Order, ...], BeforeValidator(as_tuple)] = ()
    """Orders written out, each a table with the keys product, aggregator, area,
    delta_kw, start, ramp_min and duration_min."""
    notice_min: float = Field(default=15.0, ge=0, le=1440)
    """How long before its start an order becomes known."""
    shortfall_dkk_per_kwh: float = Field(default=5.0, gt=0)
    """What each kWh beside schedule and activation is taken to cost while one runs;
    more than other imbalance, so that what is ordered is delivered."""


class Weather(Section):
    """Ambient temperature, radiation and wind."""

    region: int = Field(default=2, ge=1, le=15)
    """Test reference year (TRY 2010) of the German weather service; 2 is Rostock."""
    file: str = ""
    """A CSV of your own instead, relative to the scenario file."""
    offset_k: float = Field(default=0.0, ge=-20, le=20)
    """Added to the temperature; -5 makes a design-cold winter of a mean year."""


class Pv(Section):
    """Where the PV modules are and where they look."""

    tilt_deg: float = Field(default=35.0, ge=0, le=90)
    """From the horizontal."""
    azimuth_deg: float = Field(default=180.0, ge=0, le=360)
    """Clockwise from north; 180 is south."""
    latitude_deg: float = Field(default=54.18, ge=-90, le=90)
    """North is positive."""
    longitude_deg: float = Field(default=12.08, ge=-180, le=180)
    """East is positive."""


class Prices(Section):
    """The day-ahead market price."""

    file: str = ""
    """A CSV of your own instead of the model, relative to the scenario file."""
    residual_seed: int = Field(default=1, ge=0, lt=2**63)
    """Draws the part of real prices' variation that the model's regression does not
    explain, the same for every `run.seed`; 0 gives the smoother prices expected."""


class Tariff(Section):
    """What a customer pays on top of the market price (N1, 2024)."""

    winter_dkk_per_kwh: NightDayPeak = (0.110, 0.330, 0.991)
    """Grid tariff October to March: 0-6 h, 6-17 and 21-24 h, 17-21 h."""
    summer_dkk_per_kwh: NightDayPeak = (0.110, 0.165, 0.429)
    """Grid tariff April to September, same hours."""
    transmission_dkk_per_kwh: float = Field(default=0.115, ge=0)
    """Transmission and system tariff."""
    margin_dkk_per_kwh: float = Field(default=0.05, ge=0)
    """What the retailer adds."""
    tax_dkk_per_kwh: float = Field(default=0.008, ge=0)
    """Electricity tax."""
    vat_factor: float = Field(default=1.25, ge=1, le=2)
    """Multiplies all of the import price."""
    feed_in_deduction_dkk_per_kwh: float = Field(default=0.02, ge=0)
    """Export earns the market price less this."""


class Households(Section):
    """The homes' own, uncontrolled load."""

    file: str = ""
    """A CSV of your own instead of SimBench, relative to the scenario file."""
    median_kwh: float = Field(default=3300.0, gt=0)
    """Median energy of a home in a year."""
    sigma: float = Field(default=0.4, ge=0, le=2)
    """Of the lognormal distribution of that energy among homes."""


class Settlement(Section):
    """Who pays whom for what has happened; nothing in it changes what happens."""

    congestion_rule: Literal["none", "opportunity-cost", "congestion-price"] = "none"
    """What the DSO pays for congestion: nothing; what its limits cost each site, by its
    own bid; or the volume moved at the congestion price."""
    imbalance_price_file: str = ""
    """A CSV of your own instead of a synthetic price, relative to the scenario file."""
    imbalance_spread_dkk_per_kwh: float = Field(default=0.15, ge=0)
    """Mean distance of the synthetic imbalance price from day-ahead while the system
    regulates; bids go by `aggregators.imbalance_price_dkk_per_kwh` instead."""
    reserve_dkk_per_kw_h: float = Field(default=0.2, ge=0)
    """What the TSO pays for a kW of `reserve.band_kw` kept free for an hour, called or
    not; assumed."""


class Solver(Section):
    """Who solves the stages."""

    name: str = "HiGHS"
    """Any solver PuLP finds on this machine."""
    write_lp: str = ""
    """Folder for the problem of every stage as an LP file; empty writes none."""


class Results(Section):
    """How the results file is written."""

    flush_every_steps: int = Field(default=4, ge=1)
    """Most steps that are lost if the run is killed."""
    detail: Literal["sites", "areas"] = "sites"
    """Keep the series of every site, home, bus and line, or of each area their sums and
    extremes only: for fleets so large that nobody looks at single homes."""


class Scenario(Section):
    """Everything a run depends on; equal scenarios give equal numbers."""

    name: Word = "two_areas"
    """Part of the results file's name."""
    run: Run = Run()
    grid: Grid = Grid()
    sites: Sites = Sites()
    aggregators: Aggregators = Aggregators()
    planning: Planning = Planning()
    dso: Dso = Dso()
    forecast: Forecast = Forecast()
    day_ahead: DayAhead = DayAhead()
    intraday: Intraday = Intraday()
    reserve: Reserve = Reserve()
    alternatives: Alternatives = Alternatives()
    activations: Activations = Activations()
    weather: Weather = Weather()
    pv: Pv = Pv()
    prices: Prices = Prices()
    tariff: Tariff = Tariff()
    households: Households = Households()
    settlement: Settlement = Settlement()
    solver: Solver = Solver()
    results: Results = Results()

    def to_toml(self) -> str:
        """Write every key out, so that the text alone makes the same scenario."""
        return table_text(self.model_dump())

    def start_utc(self) -> datetime:
        """Begin of the first counted step in UTC."""
        return self.run.start.astimezone(UTC)

    def with_strategy(self, strategy: StrategyName) -> "Scenario":
        """Return the same scenario under another strategy."""
        run = self.run.model_copy(update={"strategy": strategy})
        return self.model_copy(update={"run": run})
