"""The tables of the command ``flexibility``, for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from mosaik_bottomup.app.flexibility.work import Hour
from mosaik_bottomup.reserve.offers import SIGN, Offer
from mosaik_bottomup.reserve.products import DURATIONS_MIN, MFRR, share_of_bid
from mosaik_bottomup.reserve.verify import CALLED_KW, Check

WIDTH = 92


def by_minutes(hour: Hour, step_min: float) -> dict[tuple[str, int], Offer]:
    """Return an hour's offers by direction and duration."""
    return {(it.direction, round(it.steps * step_min)): it for it in hour.offers}


def offers_table(hours: Sequence[Hour], step_min: float, first_hour: int) -> Table:
    """Return the kW on offer by hour, direction and duration."""
    table = Table(title="deliverable flexibility of the portfolio [kW]", box=None)
    table.add_column("begins", justify="right")
    for direction in SIGN:
        for minutes in DURATIONS_MIN:
            table.add_column(f"{direction} {minutes} min", justify="right")
    for hour in hours:
        offered = by_minutes(hour, step_min)
        cells = [
            f"{offered[key].total_kw:.0f}" if key in offered else "-"
            for key in ((way, minutes) for way in SIGN for minutes in DURATIONS_MIN)
        ]
        table.add_row(f"{(first_hour + hour.hour) % 24:02d}:00", *cells)
    return table


def checks_table(found: Sequence[Check], step_min: float) -> Table:
    """Return what came of calling offers, by direction, duration, size and hours."""
    table = Table(title="offers called, none beyond the offer", box=None)
    for column in ("way", "min", "wanted [kW]", "hours", "called", "in full"):
        table.add_column(column, justify="right")
    table.add_column("held", justify="right")
    table.add_column("off by [%]", justify="right")
    table.add_column("loading above limit [%]", justify="right")
    for direction in SIGN:
        for minutes in DURATIONS_MIN:
            for wanted in CALLED_KW:
                for congested in (False, True):
                    mine = [
                        it
                        for it in found
                        if it.direction == direction
                        and round(it.steps * step_min) == minutes
                        and it.wanted_kw == wanted
                        and it.congested == congested
                    ]
                    if mine:
                        kind = "congested" if congested else "free"
                        table.add_row(
                            direction,
                            str(minutes),
                            f"{wanted:.0f}",
                            kind,
                            *_outcome(mine),
                        )
    return table


def _outcome(mine: Sequence[Check]) -> tuple[str, ...]:
    return (
        str(len(mine)),
        str(sum(it.called_kw == it.wanted_kw for it in mine)),
        str(sum(it.holds for it in mine)),
        f"{max(it.off_percent for it in mine):.2f}",
        f"{max(it.overload_percent for it in mine):+.2f}",
    )


def summary(hours: Sequence[Hour]) -> str:
    """Say how large the offers are beside the market's smallest bid."""
    largest = max((it.total_kw for hour in hours for it in hour.offers), default=0.0)
    return (
        f"The largest offer is {100 * share_of_bid(MFRR, largest):.0f} % of the "
        f"smallest bid in {MFRR.name}, {MFRR.minimum_bid_kw / 1000:g} MW: these sites "
        "are to be a share of a larger pool."
    )


def as_json(hours: Sequence[Hour], step_min: float) -> dict[str, Any]:
    """Return all offers and checks as JSON types."""
    return {
        "offers": [
            {
                "hour": hour.hour,
                "minutes": round(it.steps * step_min),
                "direction": it.direction,
                "offered_kw": it.total_kw,
                "most_kw": it.most_kw,
                "offered_by_aggregator_kw": dict(it.firm_kw),
                "alone_by_aggregator_kw": dict(it.alone_kw),
            }
            for hour in hours
            for it in hour.offers
        ],
        "checks": [
            asdict(it) | {"holds": it.holds} for hour in hours for it in hour.checks
        ],
    }
