"""The few numbers to remember, beside the paper's."""

from dataclasses import dataclass

from mosaik_bottomup.app.evidence.bootstrap import Interval, interval
from mosaik_bottomup.app.report.frontier import (
    PAPER_COST_PERCENT,
    PAPER_REDUCTION_PERCENT,
    Point,
    overloaded,
    points,
)
from mosaik_bottomup.app.report.runs import Evidence, Run, values
from mosaik_bottomup.app.report.style import HIGHLIGHT, REFERENCE
from mosaik_bottomup.app.report.wording import number

PAPER_PEAK = f"{number(-PAPER_REDUCTION_PERCENT, '+.0f')}\N{NO-BREAK SPACE}%"
PAPER_COST = f"{number(PAPER_COST_PERCENT, '+.1f')}\N{NO-BREAK SPACE}%"


@dataclass(frozen=True, slots=True)
class Card:
    """One number, what it is, and what stands beside it."""

    value: str
    what: str
    range: str = ""
    paper: str = ""


def headline(evidence: Evidence) -> list[Card]:
    """Return two-stage's numbers; none where it was not compared with price-only."""
    found = points(evidence, HIGHLIGHT)
    if not found:
        return []
    limit, reduction, cost, runs = _nearest(found)
    seeds = f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"
    at = "" if limit is None else f" with the limit at {limit:g} % of those peaks"
    cards = [
        Card(
            f"{number(-reduction.mean, '+.1f')} %",
            f"peak loading, worst area, against price-only{at}; {seeds}",
            _range(Interval(-reduction.mean, -reduction.high, -reduction.low), "+.1f"),
            f"paper: up to {PAPER_PEAK}",
        ),
        Card(
            f"{number(cost.mean, '+.2f')} %",
            "cost of the customers with controllable devices, against price-only",
            _range(cost, "+.2f"),
            f"paper: {PAPER_COST}",
        ),
    ]
    if len(found) > 1 and (furthest := _at_paper_price(found)):
        deep, its_cost = furthest[1], furthest[2]
        cards.append(
            Card(
                f"{number(-deep.mean, '+.1f')} %",
                f"peak loading at the tightest limit tried without overload at no more "
                f"than the paper's cost; here {number(its_cost.mean, '+.2f')} %",
                _range(Interval(-deep.mean, -deep.high, -deep.low), "+.1f"),
                f"paper: {PAPER_PEAK} at {PAPER_COST}",
            )
        )
    minutes = values(runs, "overload_minutes")
    reference = evidence.at(REFERENCE, limit)
    before = values(reference, "overload_minutes")
    against = "" if _all_at(reference, limit) else ", against the scenario's own limit,"
    if minutes:
        beside = (
            f"; price-only{against} {interval(before).mean:.0f} min" if before else ""
        )
        cards.append(
            Card(
                f"{interval(minutes).mean:.0f} min",
                f"with a transformer over its limit, mean of {seeds}{beside}",
                _range(interval(minutes), ".0f"),
                "paper: no overload",
            )
        )
    comfort = values(runs, "comfort_violation_kh")
    if comfort:
        cards.append(
            Card(
                f"{interval(comfort).mean:.2f} K h",
                "outside the comfort bands, all homes together",
                _range(interval(comfort), ".2f"),
            )
        )
    return cards


def _all_at(runs: list[Run], limit: float | None) -> bool:
    return all(run.limit_percent == limit for run in runs)


def _nearest(found: list[Point]) -> Point:
    """Return the point nearest to the paper's reduction."""
    return min(found, key=lambda at: abs(at[1].mean - PAPER_REDUCTION_PERCENT))


def _at_paper_price(found: list[Point]) -> Point | None:
    """Return the largest reduction without overload at the paper's cost or less."""
    affordable = [
        point
        for point in found
        if point[2].mean <= PAPER_COST_PERCENT and not overloaded(point[3])
    ]
    return max(affordable, key=lambda point: point[1].mean, default=None)


def _range(found: Interval, form: str) -> str:
    if found.low == found.high:
        return ""
    return f"95 %: {number(found.low, form)} to {number(found.high, form)}"
