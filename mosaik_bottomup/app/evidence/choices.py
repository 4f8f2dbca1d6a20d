"""What the words of ``--seeds``, ``--strategies`` and ``--limits`` choose."""

from collections.abc import Iterable

from mosaik_bottomup.errors import Problem

MOST_SEEDS = 1000
"""More is taken for a slip of the hand."""
MOST_SEED = 2**63 - 1
MOST_PERCENT = 200.0
"""Limits beyond twice the highest peak are taken for one, too."""


def seeds_in(text: str) -> tuple[tuple[int, ...], list[Problem]]:
    """Read seeds such as ``1-10`` or ``1,3,7-9``: each once, in the order given.

    Returns
    -------
    seeds
        What could be read.
    problems
        What could not.
    """
    seeds: list[int] = []
    problems: list[Problem] = []
    for part in _parts(text):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if not (_is_whole(first) and (_is_whole(last) or not dash)):
            remedy = "must be whole numbers or ranges of them, as in 1-10 or 1,3,7-9"
        elif (low := int(first)) > (high := int(last or first)):
            remedy = f"must not end before it begins; {last}-{first} would be"
        elif high > MOST_SEED:
            remedy = f"must be at most {MOST_SEED}"
        elif high - low >= MOST_SEEDS:
            remedy = f"are more than {MOST_SEEDS} seeds"
        else:
            seeds += range(low, high + 1)
            continue
        problems.append(Problem("--seeds", "seeds", part or '""', remedy))
    return _once(seeds), problems


def names_in(text: str) -> tuple[str, ...]:
    """Read names with commas between them: each once, in the order given."""
    return _once(_parts(text))


def limits_in(text: str) -> tuple[tuple[float, ...], list[Problem]]:
    """Read limits such as ``100,90.5``: each once, the highest first."""
    limits: list[float] = []
    problems: list[Problem] = []
    for part in _parts(text):
        try:
            percent = float(part)
        except ValueError:
            remedy = "must be numbers with commas between them, as in 100,90,80"
            problems.append(Problem("--limits", "percent", part or '""', remedy))
            continue
        problems += limit_problems(percent, "--limits")
        limits.append(percent)
    return tuple(sorted(set(limits), reverse=True)), problems


def limit_problems(percent: float, option: str) -> list[Problem]:
    """Return what is wrong with a limit in percent of the reference's peak."""
    if 0 < percent <= MOST_PERCENT:
        return []
    remedy = f"must be more than 0 and at most {MOST_PERCENT:g} (% of price-only peaks)"
    return [Problem(option, "percent", f"{percent:g}", remedy)]


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _is_whole(word: str) -> bool:
    return word.isascii() and word.isdigit()


def _once[T](things: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(things))
