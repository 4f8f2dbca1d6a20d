"""What stands in a results file: every group and variable, with units and meaning.

The writer, the reader and the user's description in ``results/README.md`` all follow
from :data:`LAYOUT`. Consumption is positive; a power is the mean over its step; a state
is that at the *end* of its step.
"""

from dataclasses import dataclass, replace
from typing import Literal

FORMAT_VERSION = 1
"""Raised when a variable is renamed or changes its meaning, not when one is added."""

REQUIRED_ATTRS = (
    "scenario",
    "scenario_name",
    "seed",
    "strategy",
    "voltage_max_pu",
    "voltage_min_pu",
)
"""Root attributes that whoever writes a file has to give."""

type How = Literal["sum", "min", "mean", "max"]
"""Over all entities of a kind in an area."""

BY_AREA = "_by_area"
"""Ends the name of a group that keeps areas instead of single entities."""
FLOAT = "<f8"
SHORT_FLOAT = "<f4"
FLAG = "i1"
COUNT = "<i4"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of a group: a series over time, or one static value per entity."""

    name: str
    units: str
    long_name: str
    dtype: str = FLOAT
    may_be_missing: bool = False
    """Whether NaN may stand for "there was none", as for a price nobody published."""
    by_area: tuple[How, ...] = ()
    """What remains of it where a file keeps areas only."""

    @property
    def is_float(self) -> bool:
        """Whether it takes any number, and not only whole ones."""
        return self.dtype in (FLOAT, SHORT_FLOAT)


@dataclass(frozen=True, slots=True)
class Group:
    """One group of the file: all variables of one kind of entity."""

    name: str
    dimension: str | None
    """Dimension and coordinate variable of the entities' names; none: time only."""
    long_name: str
    series: tuple[Variable, ...]
    static: tuple[Variable, ...] = ()
    derived: bool = False
    """Whether it follows from the rest, and is added when the run has ended well."""
    of_area: tuple[Variable, ...] = ()
    """Series of areas that cannot be told from what remains of the entities'."""


SUM: tuple[How, ...] = ("sum",)
MAX: tuple[How, ...] = ("max",)
SPREAD: tuple[How, ...] = ("min", "mean", "max")
_STORED = Variable(
    "stored_kwh",
    "kWh",
    "energy kept in all sites beyond the start of the run, as electricity at the meter",
)
_POWER = Variable("power_kw", "kW", "net power at the meter", by_area=SUM)
_SETPOINT = Variable(
    "setpoint_kw", "kW", "net power the site was told to take", by_area=SUM
)
_OFFERED = (
    Variable("offer_low_kw", "kW", "lowest power the site offered", by_area=SUM),
    Variable("offer_high_kw", "kW", "highest power the site offered", by_area=SUM),
)
_OFF_OFFER = Variable(
    "off_offer_kw",
    "kW",
    "distance of the set-point to the nearest offered power",
    by_area=MAX,
)
_FORGONE = Variable(
    "forgone_dkk",
    "DKK",
    "cost of the option taken beyond the site's cheapest, by its own bid",
    by_area=SUM,
)
_CAUSES = (
    Variable(
        "congestion_forgone_dkk",
        "DKK",
        "part of it that the DSO's limits cost the site, against its part in the plan; "
        "negative is a gain",
        by_area=SUM,
    ),
    Variable(
        "activation_forgone_dkk",
        "DKK",
        "part of it that activations cost the site; negative is a gain",
        by_area=SUM,
    ),
)
_BILL = Variable("bill_dkk", "DKK", "customer's bill of the step", by_area=SUM)
_AREA = Variable("area", "1", "row of its area in group areas", COUNT)
_SITE = (
    _AREA,
    Variable("aggregator", "1", "row of its aggregator in group aggregators", COUNT),
    Variable("home", "1", "row of its home in group households", COUNT),
)


def _paid(heading: str, what: str) -> Variable:
    return Variable(f"{heading}_dkk", "DKK", f"{what}; sum over all parties 0")


_GROUPS = (
    Group(
        "market",
        None,
        "prices and weather, the same for all",
        (
            Variable("import_price", "DKK kWh-1", "retail price of a kWh bought"),
            Variable("export_price", "DKK kWh-1", "price of a kWh fed in"),
            Variable("day_ahead_price", "DKK kWh-1", "day-ahead market price"),
            Variable(
                "imbalance_price", "DKK kWh-1", "price at which imbalance is settled"
            ),
            Variable("ambient", "degC", "outdoor temperature"),
            Variable("pv_yield", "kW kWp-1", "available PV power per installed kWp"),
        ),
    ),
    Group(
        "areas",
        "area",
        "everything behind one transformer, as the DSO sees it",
        (
            Variable(
                "import_limit_kw",
                "kW",
                "highest net import at the meters the DSO allows",
                may_be_missing=True,
            ),
            Variable(
                "export_limit_kw",
                "kW",
                "highest net export at the meters the DSO allows",
                may_be_missing=True,
            ),
            Variable(
                "uncontrolled_forecast_kw", "kW", "forecast of the uncontrolled load"
            ),
            Variable(
                "forecast_margin_kw",
                "kW",
                "kept free of import for the error of the DSO's forecast",
                may_be_missing=True,
            ),
            Variable("uncontrolled_kw", "kW", "uncontrolled load"),
            Variable("flexible_kw", "kW", "load of all sites"),
            Variable(
                "congestion_price",
                "DKK kWh-1",
                "dual of the area limit in stage 2, as if nothing were activated",
                may_be_missing=True,
            ),
            Variable(
                "look_ahead_price",
                "DKK kWh-1",
                "congestion price known to the sites before the step",
                may_be_missing=True,
            ),
            Variable(
                "forecast_overload_kw",
                "kW",
                "least overload the DSO could not avoid, on its forecast",
                may_be_missing=True,
            ),
            Variable(
                "check_rounds",
                "1",
                "rounds of the DSO's check of schedules sold in the step",
                may_be_missing=True,
            ),
            Variable(
                "check_margin_percent",
                "percent",
                "part of the limit the look-ahead left free in these schedules",
                may_be_missing=True,
            ),
            Variable(
                "check_overload_kw",
                "kW",
                "highest overload in these schedules that the DSO could not avoid",
                may_be_missing=True,
            ),
        ),
        (
            Variable("limit", "kVA", "allowed loading"),
            Variable("rating", "kVA", "rating of the transformer"),
        ),
    ),
    Group(
        "aggregators",
        "aggregator",
        "whoever sold a schedule and dispatches sites",
        (
            Variable("day_ahead_kw", "kW", "power sold day-ahead", may_be_missing=True),
            Variable(
                "schedule_kw",
                "kW",
                "power to be delivered: sold day-ahead and traded intraday",
                may_be_missing=True,
            ),
            Variable(
                "traded_kw", "kW", "sum of the sizes of the step's intraday trades"
            ),
            Variable(
                "plan_kw",
                "kW",
                "plan before the DSO has spoken",
                may_be_missing=True,
            ),
            Variable("delivered_kw", "kW", "power of all its sites"),
            Variable(
                "activation_ordered_kw",
                "kW",
                "deviation from the schedule that activations ask for",
            ),
            Variable(
                "activation_vetoed_kw",
                "kW",
                "part of it that the DSO had no room for, signed as ordered",
            ),
            Variable(
                "activation_delivered_kw",
                "kW",
                "power of all its sites less the schedule, while one is ordered",
            ),
        ),
        (Variable("imbalance_price", "DKK kWh-1", "cost of a kWh of imbalance"),),
    ),
    Group(
        "portfolios",
        "portfolio",
        'the sites of one aggregator in one area, named "<aggregator> <area>"',
        (
            Variable("offer_low_kw", "kW", "lowest power its sites offered"),
            Variable("offer_high_kw", "kW", "highest power its sites offered"),
            Variable(
                "plan_kw",
                "kW",
                "plan before the DSO has spoken",
                may_be_missing=True,
            ),
            Variable(
                "envelope_low_kw",
                "kW",
                "lowest power the DSO granted",
                may_be_missing=True,
            ),
            Variable(
                "envelope_high_kw",
                "kW",
                "highest power the DSO granted",
                may_be_missing=True,
            ),
            Variable(
                "cleared_kw",
                "kW",
                "power cleared inside the envelope",
                may_be_missing=True,
            ),
            Variable("dispatched_kw", "kW", "sum of the set-points"),
            Variable(
                "congestion_moved_kw",
                "kW",
                "what the DSO's limits alone change in the plan, activations apart",
            ),
            Variable(
                "activation_planned_kw",
                "kW",
                "part of its aggregator's activations that was meant for the area",
            ),
            Variable(
                "activation_vetoed_kw",
                "kW",
                "part of them that the area had no room for, nor another",
            ),
            Variable(
                "activation_relocated_kw",
                "kW",
                "delivered here of the part meant for others, negative what is left to "
                "them",
            ),
        ),
    ),
    Group(
        "heat_pumps",
        "site",
        "heat-pump sites",
        (
            _POWER,
            _SETPOINT,
            *_OFFERED,
            _OFF_OFFER,
            _FORGONE,
            *_CAUSES,
            Variable("air_c", "degC", "indoor air temperature", by_area=SPREAD),
            Variable("floor_c", "degC", "floor temperature", by_area=SPREAD),
            Variable("on", "1", "1 while the compressor runs", FLAG, by_area=SUM),
            Variable(
                "locked_breach",
                "1",
                "1 where a lock-out was not respected",
                FLAG,
                by_area=SUM,
            ),
            _BILL,
        ),
        (
            *_SITE,
            Variable("comfort_low_c", "degC", "lower edge of the comfort band"),
            Variable("comfort_high_c", "degC", "upper edge of the comfort band"),
            Variable("air_kwh_per_k", "kWh K-1", "heat capacity of the air node"),
            Variable("floor_kwh_per_k", "kWh K-1", "heat capacity of the floor node"),
            Variable("cop_mean", "1", "mean coefficient of performance of the run"),
            Variable("start_air_c", "degC", "indoor air temperature at the start"),
            Variable("start_floor_c", "degC", "floor temperature at the start"),
            Variable("guard_steps", "1", "steps the QoS guard looks ahead", COUNT),
        ),
        of_area=(
            Variable(
                "outside_kh", "K h", "what homes were outside their own comfort band"
            ),
            _STORED,
        ),
    ),
    Group(
        "pv_batteries",
        "site",
        "PV/battery sites, with the home's own load behind the same meter",
        (
            _POWER,
            _SETPOINT,
            *_OFFERED,
            _OFF_OFFER,
            _FORGONE,
            *_CAUSES,
            Variable("energy_kwh", "kWh", "stored energy", by_area=SUM),
            Variable("battery_kw", "kW", "charging power of the battery", by_area=SUM),
            Variable("pv_kw", "kW", "available PV generation", by_area=SUM),
            Variable("curtailed_kw", "kW", "PV generation not used", by_area=SUM),
            Variable("load_kw", "kW", "load of the home itself", by_area=SUM),
            _BILL,
            Variable("wear_dkk", "DKK", "battery wear of the step", by_area=SUM),
        ),
        (
            *_SITE,
            Variable("capacity_kwh", "kWh", "usable capacity of the battery"),
            Variable("energy_low_kwh", "kWh", "least energy the customer wants kept"),
            Variable("energy_high_kwh", "kWh", "most energy the customer wants stored"),
            Variable("efficiency", "1", "one-way efficiency of the battery"),
            Variable("start_energy_kwh", "kWh", "stored energy at the start"),
            Variable("power_max_kw", "kW", "largest battery power"),
            Variable("pv_kwp", "kW", "installed PV power"),
        ),
        of_area=(
            Variable(
                "outside_kwh",
                "kWh",
                "most that any battery was outside the energy its customer allows",
                may_be_missing=True,
            ),
            _STORED,
        ),
    ),
    Group(
        "households",
        "home",
        "the uncontrolled part of every home",
        (
            Variable(
                "power_kw",
                "kW",
                "uncontrolled load at the meter (0 where it is behind a site's meter)",
                by_area=SUM,
            ),
        ),
        (_AREA,),
    ),
    Group(
        "transformers",
        "area",
        "the transformers, by power flow",
        (
            Variable("loading", "percent", "current over rated current"),
            Variable("power_kw", "kW", "active power at the high-voltage side"),
            Variable("reactive_kvar", "kvar", "reactive power, high-voltage side"),
            Variable("losses_kw", "kW", "losses of the transformer and its lines"),
        ),
    ),
    Group(
        "buses",
        "bus",
        "the buses, by power flow",
        (
            Variable(
                "voltage",
                "pu",
                "voltage magnitude",
                SHORT_FLOAT,
                by_area=("min", "max"),
            ),
        ),
        (_AREA,),
    ),
    Group(
        "lines",
        "line",
        "the lines, by power flow",
        (
            Variable(
                "loading",
                "percent",
                "current over rated current",
                SHORT_FLOAT,
                by_area=MAX,
            ),
            Variable("current", "kA", "current", SHORT_FLOAT, by_area=MAX),
        ),
        (_AREA,),
    ),
    Group(
        "congestion_points",
        "congestion_point",
        "limits that several areas share, by power flow: medium-voltage feeders and "
        "the HV/MV transformer",
        (
            Variable("loading", "percent", "apparent power over the limit"),
            Variable("power_kw", "kW", "active power from the busbar"),
            Variable("reactive_kvar", "kvar", "reactive power from the busbar"),
        ),
        (Variable("limit", "kVA", "allowed apparent power"),),
    ),
    Group(
        "messages",
        "link",
        "what the parties said to each other",
        (
            Variable("sent", "1", "messages sent", COUNT),
            Variable("answered", "1", "messages answered", COUNT),
            Variable(
                "payload_bytes",
                "byte",
                "numbers in all messages and answers, 8 bytes each",
            ),
        ),
    ),
    Group(
        "ledger",
        "party",
        "what every party received, and negative what it paid, each home apart; "
        "complete runs only",
        (
            _paid("retail", "customers to retailer, what sites take"),
            _paid("feed_in", "retailer to customers, what sites feed in"),
            _paid("household", "customers to retailer, uncontrolled load"),
            _paid("wear", "customers' battery wear, not in cash"),
            _paid("congestion", "DSO to aggregators, and they to customers"),
            _paid("grid_tariff", "retailer to DSO"),
            _paid("transmission", "retailer to TSO, transmission tariff"),
            _paid("taxes", "retailer to state, electricity tax and VAT"),
            _paid("energy", "retailer to aggregators, spot part of what sites take"),
            _paid("day_ahead", "aggregators and retailer to market"),
            _paid("losses", "DSO to market, losses of the network"),
            _paid("intraday", "aggregators to market, re-traded"),
            _paid("activation", "aggregators to TSO, energy ordered"),
            _paid("veto", "TSO to aggregators, what was vetoed of it taken back"),
            _paid("moved", "aggregators to customers, what activations cost them"),
            _paid("reserve", "TSO to aggregators, and they to customers, band kept"),
            _paid("imbalance", "aggregators to TSO, energy beside the schedule"),
            _paid("deviation_fee", "aggregators to DSO, beside schedules it checked"),
        ),
        derived=True,
    ),
)

_SAID: dict[How, str] = {
    "sum": "sum over the area",
    "min": "lowest in the area",
    "mean": "mean of the area",
    "max": "highest in the area",
}


def _of_areas(group: Group) -> Group:
    """Return what is left of a group where a file keeps areas only."""
    series = tuple(
        replace(
            each,
            name=f"{each.name}_{how}",
            long_name=f"{each.long_name}, {_SAID[how]}",
            dtype=COUNT if each.dtype == FLAG else each.dtype,
            # there may be no such entity in an area
            may_be_missing=how != "sum",
            by_area=(),
        )
        for each in group.series
        for how in each.by_area
    )
    return Group(
        f"{group.name}{BY_AREA}",
        "area",
        f"{group.long_name}: sums and extremes by area",
        (*series, *group.of_area),
        (Variable("number", "1", "how many there are", COUNT),),
    )


REDUCED = tuple(
    group.name for group in _GROUPS if any(each.by_area for each in group.series)
)
"""Groups that a file keeps one by one, or by area only."""
LAYOUT: dict[str, Group] = {
    group.name: group
    for group in (
        *_GROUPS,
        *(_of_areas(group) for group in _GROUPS if group.name in REDUCED),
    )
}
"""All groups of a results file, in the order they are written."""


def layout_markdown() -> str:
    """Return the table of all variables, as ``results/README.md`` shows it."""
    lines = [
        "| Group | Variable | Dimensions | Units | Meaning |",
        "|---|---|---|---|---|",
    ]
    for group in LAYOUT.values():
        over_time = f"time, {group.dimension}" if group.dimension else "time"
        lines.extend(
            f"| {group.name} | {variable.name} | {dimensions} | {variable.units} "
            f"| {variable.long_name} |"
            for variables, dimensions in (
                (group.series, over_time),
                (group.static, group.dimension),
            )
            for variable in variables
        )
    return "\n".join(lines)
