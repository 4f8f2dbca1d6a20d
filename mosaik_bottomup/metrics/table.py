"""What the metrics are called, their units, and what they mean: one table for all.

A key ends in its unit where that is not obvious. Where a metric has parts, the key with
the part's name behind a dot (``peak_loading_percent.A``) is the part's own value, and
the plain key says how they are put together.
"""

from dataclasses import dataclass

PART_MARK = "."


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its unit and its meaning."""

    unit: str
    meaning: str
    parts: str = ""
    """Of what kind the parts are it is also given for: area, aggregator or link."""


OF_A_RUN: dict[str, Metric] = {
    "peak_loading_percent": Metric(
        "%", "highest mean loading of a quarter-hour; worst area", "area"
    ),
    "loading_p999_percent": Metric(
        "%", "99.9th percentile of the quarter-hours' loading; worst area", "area"
    ),
    "loading_mean_percent": Metric("%", "mean loading; worst area", "area"),
    "reverse_peak_loading_percent": Metric(
        "%", "highest loading of a step while the area exports; worst area", "area"
    ),
    "overload_minutes": Metric(
        "min", "time above the limit; sum over the areas", "area"
    ),
    "overload_kwh": Metric(
        "kWh", "active energy above the limit; sum over the areas", "area"
    ),
    "largest_ramp_kw": Metric(
        "kW", "largest change of power from step to step; worst area", "area"
    ),
    "largest_ramp_kw_per_h": Metric(
        "kW/h", "the same over the length of a step; worst area", "area"
    ),
    "binding_steps": Metric(
        "1", "steps in which the limit held the load back; sum over the areas", "area"
    ),
    "rebound_ratio": Metric(
        "1",
        "highest loading in the 6 h after the last binding step over the limit; worst "
        "area; left out where no limit bound",
        "area",
    ),
    "hot_spot_c": Metric("°C", "highest hot-spot temperature; worst area", "area"),
    "ageing_h": Metric(
        "h", "normal life of the paper used up in the run; worst area", "area"
    ),
    "ageing_rate_percent": Metric(
        "%", "life used up over the length of the run; worst area", "area"
    ),
    "voltage_min_pu": Metric("pu", "lowest voltage of a bus"),
    "voltage_max_pu": Metric("pu", "highest voltage of a bus"),
    "line_loading_max_percent": Metric("%", "highest loading of a line"),
    "imbalance_kwh": Metric(
        "kWh",
        "distance of delivery to schedule and activations, less what was vetoed of "
        "these; sum of the aggregators",
        "aggregator",
    ),
    "imbalance_percent": Metric(
        "%", "imbalance over the energy sold; 0 where nothing was sold"
    ),
    "off_day_ahead_percent": Metric(
        "%", "the same against what was sold day-ahead, before it was traded"
    ),
    "traded_intraday_kwh": Metric(
        "kWh",
        "energy of all intraday trades, bought or sold; sum of the aggregators",
        "aggregator",
    ),
    "imbalance_cost_dkk": Metric(
        "DKK", "what the imbalance cost; sum of the aggregators", "aggregator"
    ),
    "activation_ordered_kwh": Metric(
        "kWh", "energy of all activations, up or down; left out where none was ordered"
    ),
    "activation_vetoed_kwh": Metric("kWh", "part of it that the DSO had no room for"),
    "activation_delivered_percent": Metric(
        "%", "energy off the schedule as ordered over that ordered"
    ),
    "activation_error_percent": Metric(
        "%",
        "distance of delivery to what was ordered and not vetoed, over that ordered; "
        "worst activation",
    ),
    "activation_rebound_ratio": Metric(
        "1",
        "highest loading in the 6 h after an activation over the limit; worst area; "
        "left out where the run ends with it",
    ),
    "customer_cost_dkk": Metric(
        "DKK", "bills and wear of all homes with a device, end state settled"
    ),
    "customer_cost_raw_dkk": Metric("DKK", "the same, end state not settled"),
    "congestion_payment_dkk": Metric(
        "DKK", "what the DSO paid for congestion; left out of a run without ledger"
    ),
    "home_cost_mean_dkk": Metric("DKK", "mean cost of a home, end state settled"),
    "home_cost_worst_decile_dkk": Metric(
        "DKK", "mean cost of the dearest tenth of the homes, end state settled"
    ),
    "comfort_violation_kh": Metric(
        "K h", "temperature outside the comfort band times its duration; all homes"
    ),
    "comfort_homes": Metric("1", "homes outside their comfort band at any time"),
    "heat_pump_starts": Metric("1", "starts of all compressors"),
    "heat_pump_starts_per_day": Metric("1/d", "starts of a mean compressor in a day"),
    "lock_out_violations": Metric(
        "1", "steps in which a compressor's lock-out was not respected"
    ),
    "battery_full_cycles": Metric("1", "equivalent full cycles of a mean battery"),
    "battery_full_cycles_most": Metric("1", "those of the battery used most"),
    "self_consumption_percent": Metric(
        "%",
        "PV energy taken or stored in its own home over PV energy used; left out where "
        "there was none",
    ),
    "pv_curtailed_kwh": Metric("kWh", "PV energy not used; sum over the areas", "area"),
    "pv_curtailed_percent": Metric(
        "%", "the same over the PV energy available; left out where there was none"
    ),
    "fairness_aggregators": Metric(
        "1",
        "Jain index between the aggregators of the share of their flexible range that "
        "was granted while the limit bound; worst area; left out where none did, or "
        "nobody grants",
        "area",
    ),
    "messages_per_step": Metric(
        "1", "messages of a mean step, both ways; sum over the links", "link"
    ),
    "message_bytes_per_step": Metric(
        "B",
        "payload of these, 8 bytes a number; left out of a file that does not say",
        "link",
    ),
}
"""What :func:`~mosaik_bottomup.metrics.evaluate` returns."""

AGAINST_REFERENCE: dict[str, Metric] = {
    "peak_reduction_percent": Metric(
        "%", "how much lower the peak is than the reference's; least area", "area"
    ),
    "ageing_ratio": Metric(
        "1", "life used up over that in the reference; worst area", "area"
    ),
    "cost_change_percent": Metric(
        "%",
        "customers' cost above the reference's, end state settled; left out where that "
        "is 0",
    ),
    "cost_change_dkk": Metric("DKK", "the same as an amount"),
    "home_cost_change_mean_dkk": Metric("DKK", "mean rise of a home's cost"),
    "home_cost_change_worst_decile_dkk": Metric(
        "DKK", "mean rise in the tenth of the homes where it is highest"
    ),
    "customers_worse_off_percent": Metric(
        "%", "homes that pay more than 0.01 DKK more than in the reference"
    ),
    "customers_worse_off_paid_percent": Metric(
        "%",
        "the same after the DSO's payments for congestion; left out of a run without "
        "ledger",
    ),
    "compensation_dkk": Metric("DKK", "what would leave no home worse off"),
    "fairness_customers": Metric(
        "1", "Jain index between the homes of what each pays more; 1 if none does"
    ),
}
"""What :func:`~mosaik_bottomup.metrics.relative` returns."""

AGAINST_OPTIMUM: dict[str, Metric] = {
    "optimum_gap_dkk": Metric(
        "DKK", "customers' raw cost above the optimum with the same limits and states"
    ),
    "optimum_gap_percent": Metric(
        "%", "the same over the optimum's cost; left out where that is 0"
    ),
}
"""What :func:`~mosaik_bottomup.metrics.against_optimum` returns."""

CAPTURE: dict[str, Metric] = {
    "capture_percent": Metric(
        "%", "share of the peak reduction the optimum reaches at the same cost"
    ),
}
"""What :func:`~mosaik_bottomup.metrics.capture_percent` returns."""

METRICS: dict[str, Metric] = {
    **OF_A_RUN,
    **AGAINST_REFERENCE,
    **AGAINST_OPTIMUM,
    **CAPTURE,
}
"""All metrics, by their plain keys."""


def metric(key: str) -> Metric:
    """Return what a key of a metric, or of a part of it, stands for.

    Raises
    ------
    KeyError
        If there is no such metric, or it has no parts.
    """
    name, mark, part = key.partition(PART_MARK)
    found = METRICS[name]
    if mark and not (part and found.parts):
        raise KeyError(key)
    return found


def metrics_markdown() -> str:
    """Return the table of all metrics, as a document shows it."""
    lines = ["| Metric | Unit | Also by | Meaning |", "|---|---|---|---|"]
    lines.extend(
        f"| {name} | {each.unit} | {each.parts} | {each.meaning} |"
        for name, each in METRICS.items()
    )
    return "\n".join(lines)
