"""The same mosaik wiring with empty simulators: they say by rote what real ones said.

A real run is put on tape: what every simulator made, when it wanted to step next, and
what it answered. Played back, the same entities are made and connected, and the same
messages go to and fro, same-time loop included, but nobody works; what is left is what
mosaik and the wiring take.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from mosaik_bottomup.app.bench.stopwatch import SIMULATORS, replaced

SAID = ("create", "step", "get_data")
"""Whose results are on the tape."""

type Call = tuple[type, str]
"""A simulator's class, and the name of what was called."""


@dataclass(slots=True, eq=False)
class Tape:
    """Results of all calls of one run, each in the order of the calls."""

    results: dict[Call, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def counts(self) -> dict[Call, int]:
        """Return how many calls there were."""
        return {call: len(results) for call, results in self.results.items()}


@contextmanager
def recorded() -> Iterator[Tape]:
    """Put what all simulators say on tape; one of each class, in this process."""
    tape = Tape()
    with ExitStack() as stack:
        for simulator in SIMULATORS:
            for name in SAID:
                real = getattr(simulator, name)
                kept = _kept(real, tape.results[simulator, name])
                stack.enter_context(replaced(simulator, name, kept))
        yield tape


@contextmanager
def played(tape: Tape) -> Iterator[Tape]:
    """Have the simulators do nothing but say what is on the tape.

    Yields a tape of what has been said so far.
    """
    again = Tape()
    with ExitStack() as stack:
        for simulator in SIMULATORS:
            fakes = {
                name: _kept(
                    _by_rote(tape.results[simulator, name]),
                    again.results[simulator, name],
                )
                for name in SAID
            }
            fakes |= {"init": _meta, "setup_done": _nothing, "finalize": _nothing}
            for name, fake in fakes.items():
                stack.enter_context(replaced(simulator, name, fake))
        yield again


def _kept(function: Callable[..., Any], results: list[Any]) -> Callable[..., Any]:
    @wraps(function)
    def kept(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        results.append(result)
        return result

    return kept


def _by_rote(results: list[Any]) -> Callable[..., Any]:
    following = iter(results)

    def say(*args: Any, **kwargs: Any) -> Any:
        return next(following)

    return say


def _meta(simulator: Any, sid: str, **params: Any) -> Any:
    return simulator.meta


def _nothing(simulator: Any) -> None:
    pass
