"""From the words of a command to a question that can be answered, or to its faults."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mosaik_bottomup.app.evidence.campaign import RUNS, variants_needed
from mosaik_bottomup.app.evidence.choices import names_in, seeds_in
from mosaik_bottomup.app.evidence.file import Question
from mosaik_bottomup.app.evidence.variants import VARIANTS, unknown_names
from mosaik_bottomup.app.input_files import series_problems
from mosaik_bottomup.app.output_file import folder_problems
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.scenario import Scenario, load

DEFAULT_FOLDER = Path("results")
TAKEN = {"run.seed": "--seeds", "run.strategy": "--strategies"}
"""Keys that an option of these commands stands for."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the commands have in common, as the user gave it."""

    command: str
    scenario: str
    strategies: str | None
    seeds: str
    overrides: tuple[str, ...]
    out: Path | None
    others: tuple[str, ...] = ()
    """Options of this command alone, to give it again."""

    def again(self) -> str:
        """Return the command that asks the same."""
        words = ["mosaik-bottomup", self.command, self.scenario]
        if self.strategies is not None:
            words += ["--strategies", self.strategies]
        words += ["--seeds", self.seeds, *self.others]
        for override in self.overrides:
            words += ["--set", override]
        words += [] if self.out is None else ["--out", str(self.out)]
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what it takes to answer it."""

    question: Question
    scenarios: dict[str, Scenario]
    """By variant, with all that are needed."""
    folder: Path


def ask(
    words: Words,
    default_strategies: Sequence[str],
    limits_percent: tuple[float | None, ...],
    problems: Sequence[Problem] = (),
) -> Asked:
    """Return what the words ask.

    Parameters
    ----------
    words
        What the user gave.
    default_strategies
        Meant if the user names none.
    limits_percent
        Limits to be run.
    problems
        Faults found so far.

    Raises
    ------
    InputError
        With these, and every other fault.
    """
    faults = list(problems)
    seeds, unreadable = seeds_in(words.seeds)
    faults += unreadable
    names = tuple(default_strategies)
    if words.strategies is not None:
        names = names_in(words.strategies)
        faults += unknown_names(names)
    faults += _taken(words.overrides)
    known = [name for name in names if name in VARIANTS]
    scenarios, unsound = _scenarios(words, variants_needed(known))
    faults += unsound
    name = next((it.name for it in scenarios.values()), Path(words.scenario).stem)
    folder = words.out or DEFAULT_FOLDER / f"{name}-{words.command}"
    faults += folder_problems(folder / RUNS)
    if not faults:
        faults += series_problems(next(iter(scenarios.values())))
    if faults:
        raise InputError(faults)
    question = Question(words.again(), name, names, limits_percent, seeds)
    return Asked(question, scenarios, folder)


def _taken(overrides: Sequence[str]) -> list[Problem]:
    keys = {key.partition("=")[0].replace(" ", ""): key for key in overrides}
    return [
        Problem("--set", key, keys[key].partition("=")[2], f"say {option} instead")
        for key, option in TAKEN.items()
        if key in keys
    ]


def _scenarios(
    words: Words, variants: Sequence[str]
) -> tuple[dict[str, Scenario], list[Problem]]:
    """Read the scenario of each variant; what is wrong in all is said once."""
    scenarios: dict[str, Scenario] = {}
    problems: dict[Problem, None] = {}
    for name in variants:
        variant = VARIANTS[name]
        overrides = [*words.overrides, *variant.overrides]
        try:
            scenarios[name] = load(words.scenario, overrides, strategy=variant.strategy)
        except InputError as error:
            problems |= dict.fromkeys(error.problems)
    return scenarios, list(problems)
