"""What a strategy is called and looks like: the same on every figure of the page.

Colours are names of CSS custom properties; ``page.css`` gives each a value for light
and for dark, the script puts the value in. No strategy is told apart by its colour
alone: dash and symbol differ too.
"""

from dataclasses import dataclass, replace

REFERENCE = "price-only"
HIGHLIGHT = "two-stage"
OPTIMUM = "optimum"


@dataclass(frozen=True, slots=True)
class Look:
    """How a strategy is drawn, and what it does in one sentence."""

    colour: str
    dash: str
    symbol: str
    does: str
    width: float = 1.6


LOOKS = {
    "thermostat": Look(
        "--thermostat",
        "dot",
        "triangle-down",
        "Hysteresis around each home's set temperature, batteries on "
        "self-consumption; no price is known.",
    ),
    REFERENCE: Look(
        "--price-only",
        "solid",
        "square",
        "Every site takes its own cheapest option, planned on a rolling horizon; "
        "nobody looks after the network. All changes are measured against it.",
    ),
    "stage-one": Look(
        "--stage-one",
        "dash",
        "diamond",
        "Aggregators follow the schedules they sold; nobody looks after the network.",
    ),
    HIGHLIGHT: Look(
        "--two-stage",
        "solid",
        "circle",
        "Aggregators clear bids against their schedules, the network operator "
        "bounds them by envelopes, they clear again inside.",
        width=3.0,
    ),
    "static-cap": Look(
        "--static-cap",
        "dashdot",
        "hourglass",
        "The network operator gives every site the same fixed cap in critical "
        "hours; there are no bids.",
    ),
    "packet": Look(
        "--packet",
        "longdash",
        "pentagon",
        "Devices ask for packets of energy at random, the more urgent the more "
        "often; a request is granted or refused.",
    ),
    "price-iteration": Look(
        "--price-iteration",
        "longdashdot",
        "star-triangle-up",
        "The network operator raises an area surcharge round by round until the "
        "forecast fits or the rounds are spent; sites answer by their own plans.",
    ),
    OPTIMUM: Look(
        "--optimum",
        "dot",
        "star-diamond",
        "One central problem with perfect foresight over all sites and steps: what "
        "no realisable strategy can beat at equal limits and end state.",
        width=2.0,
    ),
}
"""In the order of every table and legend."""

VARIANTS = {
    "no-rehearsal": ("without the rehearsal of the day ahead", "dash", "triangle-left"),
    "proportional": (
        "envelopes in proportion instead of at least cost",
        "dot",
        "triangle-right",
    ),
    "2kw": ("at 2 kW, which heat pumps feel too", "dot", "hourglass-open"),
    "spread": (
        "what costs the same spread by chance instead of sooner first",
        "dash",
        "square-open",
    ),
    "unlimited": ("without the area limit", "dot", "triangle-up"),
}
"""Words, dash and symbol of what a variant ``<strategy>-<how>`` does otherwise."""
_UNKNOWN = Look("--muted", "dot", "cross", "")


def look(strategy: str) -> Look:
    """Return how a strategy, or a variant ``<strategy>-<how>``, is drawn."""
    if strategy in LOOKS:
        return LOOKS[strategy]
    base = base_of(strategy)
    if base is None:
        return _UNKNOWN
    how = strategy.removeprefix(f"{base}-")
    words, dash, symbol = VARIANTS.get(how, (how.replace("-", " "), "dashdot", "cross"))
    return replace(
        LOOKS[base], dash=dash, symbol=symbol, does=f"As {base}, {words}.", width=1.6
    )


def order(strategy: str) -> tuple[int, str]:
    """Return where a strategy stands in tables and legends; a sorting key."""
    known = list(LOOKS)
    base = strategy if strategy in LOOKS else base_of(strategy)
    return (known.index(base) if base else len(known), strategy)


def base_of(strategy: str) -> str | None:
    """Return the strategy a variant is one of; None if it is not known."""
    names = [name for name in LOOKS if strategy.startswith(f"{name}-")]
    return max(names, key=len, default=None)
