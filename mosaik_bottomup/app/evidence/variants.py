"""What is compared: strategies, and what else of the scenario a variant of one sets."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from mosaik_bottomup.errors import Problem
from mosaik_bottomup.scenario import StrategyName

REFERENCE = "price-only"
"""What every other variant is compared with, seed by seed."""
SPREAD = "price-only-spread"
"""The reference with its ties spread: what is left of a reduction beside it."""
AGAINST = "two-stage"
"""Whose limits and end state the optimum has to keep."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of a comparison."""

    name: str
    strategy: StrategyName
    meaning: str
    """One sentence."""
    overrides: tuple[str, ...] = ()
    """Laid over the scenario, and over what ``--set`` says."""
    tries_to_keep_a_limit: bool = False
    """Whether a tighter limit changes what it does, and a frontier shows it."""
    length: float = 1.0
    """Of a run, beside others: the longest begin first, so that all end together."""


VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant(
            "thermostat", "thermostat", "Hysteresis and self-consumption, no price."
        ),
        Variant("price-only", "price-only", "Every site its own cheapest option."),
        Variant(
            SPREAD,
            "price-only",
            "Price-only, what costs the same spread by chance instead of sooner first.",
            ("planning.indifference_dkk_per_kwh=0",),
        ),
        Variant(
            "stage-one", "stage-one", "Aggregators follow schedules, nobody secures."
        ),
        Variant(
            "two-stage",
            "two-stage",
            "Aggregators clear, the DSO hands back envelopes.",
            tries_to_keep_a_limit=True,
        ),
        Variant(
            "two-stage-no-rehearsal",
            "two-stage",
            "Two-stage, its day not rehearsed before.",
            ("day_ahead.rehearsal=false",),
            tries_to_keep_a_limit=True,
        ),
        Variant(
            "two-stage-proportional",
            "two-stage",
            "Two-stage, the headroom shared out in proportion.",
            ("dso.allocation=proportional",),
            tries_to_keep_a_limit=True,
        ),
        Variant(
            "static-cap",
            "static-cap",
            "All sites capped at 4.2 kW in critical hours, nobody bids.",
            tries_to_keep_a_limit=True,
        ),
        Variant(
            "static-cap-2kw",
            "static-cap",
            "The same at 2 kW, which heat pumps feel too.",
            ("alternatives.site_cap_kw=2.0",),
            tries_to_keep_a_limit=True,
        ),
        Variant(
            "packet",
            "packet",
            "Sites ask for packets of energy at random, the DSO secures.",
            tries_to_keep_a_limit=True,
        ),
        Variant("packet-unlimited", "packet-unlimited", "Packets, nobody secures."),
        Variant(
            "price-iteration",
            "price-iteration",
            "The DSO raises a surcharge until the forecast fits.",
            tries_to_keep_a_limit=True,
            length=4.0,
        ),
        Variant(
            "optimum",
            "optimum",
            "One problem with perfect foresight, at the limits and end of two-stage.",
            tries_to_keep_a_limit=True,
        ),
    )
}
"""All variants by name, in the order of tables."""


def of_frontier() -> tuple[str, ...]:
    """Return the names of the variants that a tighter limit changes, and `SPREAD`."""
    return tuple(
        name
        for name, variant in VARIANTS.items()
        if variant.tries_to_keep_a_limit or name == SPREAD
    )


def unknown_names(names: Sequence[str]) -> list[Problem]:
    """Return a problem for each name that is no variant's, with the nearest one."""
    return [
        Problem("--strategies", "name", name or '""', _remedy(name))
        for name in names
        if name not in VARIANTS
    ]


def _remedy(name: str) -> str:
    near = difflib.get_close_matches(name, VARIANTS, n=1)
    known = f"there are {', '.join(VARIANTS)}"
    return f"did you mean '{near[0]}'? ({known})" if near else known
