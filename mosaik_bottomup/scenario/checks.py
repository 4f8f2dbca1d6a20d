"""Whether the keys of a scenario fit each other and this machine."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mosaik_bottomup.inputs import orders
from mosaik_bottomup.scenario import grid_checks
from mosaik_bottomup.scenario.grid_checks import Findings
from mosaik_bottomup.scenario.sections import Scenario, StrategyName
from mosaik_bottomup.scenario.values import SECONDS_PER_HOUR

WHOLE_STEP_TOLERANCE_S = 1e-3
"""Forgives hours such as 1/3 that are written as decimals."""
INSTALLED_SOLVER = "HiGHS"
"""Comes with the package, so that nobody needs to look for it."""
SELLING: tuple[StrategyName, ...] = (
    "two-stage",
    "stage-one",
    "packet",
    "packet-unlimited",
)
"""Strategies whose aggregators follow a schedule."""


MOST_CHOICES = 600
"""Between on and off that a mixed-integer problem is asked to make: some minutes."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question about several keys, asked only if all of them are sound."""

    needs: tuple[str, ...]
    find: Callable[[Scenario], Findings]


def _start_on_a_whole_step(scenario: Scenario) -> Findings:
    run = scenario.run
    if run.start.timestamp() % run.step_s:
        yield "run.start", f"must lie on a whole step of {run.step_s} s"


def _whole_steps(section: str, key: str) -> Callable[[Scenario], Findings]:
    def find(scenario: Scenario) -> Findings:
        step_s = scenario.run.step_s
        hours: float = getattr(getattr(scenario, section), key)
        steps = round(hours * SECONDS_PER_HOUR / step_s)
        off_s = abs(hours * SECONDS_PER_HOUR - steps * step_s)
        if off_s > WHOLE_STEP_TOLERANCE_S:
            nearest_h = max(steps, 1) * step_s / SECONDS_PER_HOUR
            yield (
                f"{section}.{key}",
                f"must be whole steps of {step_s} s; {nearest_h:g} h would be",
            )

    return find


def _a_site_for_each_aggregator(scenario: Scenario) -> Findings:
    sites = scenario.sites.heat_pumps + scenario.sites.pv_batteries
    if sites < scenario.aggregators.count:
        yield (
            "aggregators.count",
            f"each aggregator needs a site, and there are {sites} "
            "(sites.heat_pumps + sites.pv_batteries)",
        )


def _few_choices(scenario: Scenario) -> Findings:
    choices = scenario.sites.heat_pumps * scenario.run.steps
    if scenario.alternatives.optimum_on_off and choices > MOST_CHOICES:
        yield (
            "alternatives.optimum_on_off",
            f"sites.heat_pumps x steps are {choices} choices between on and off, and "
            f"at most {MOST_CHOICES} can be solved; have fewer, or false for the bound",
        )


def _something_to_trade(scenario: Scenario) -> Findings:
    intraday = scenario.intraday
    if intraday.reach_h <= intraday.gate_closure_h:
        yield (
            "intraday.reach_h",
            f"must be beyond intraday.gate_closure_h = {intraday.gate_closure_h:g}: "
            "nothing could be traded",
        )


def _orders_fit(scenario: Scenario) -> Findings:
    run, count = scenario.run, scenario.aggregators.count
    frame = orders.Frame(
        tuple(f"aggregator-{number + 1}" for number in range(count)),
        scenario.grid.area_names,
        run.start,
        run.step_s,
        run.steps,
    )
    for number, order in enumerate(scenario.activations.orders):
        written = orders.Order(**order.model_dump())
        for column, _, remedy in orders.faults(written, frame):
            yield f"activations.orders.{number}.{column}", remedy


def _a_schedule_to_deviate_from(scenario: Scenario) -> Findings:
    section, strategy = scenario.activations, scenario.run.strategy
    if (section.orders or section.file) and strategy not in SELLING:
        yield (
            "activations.orders" if section.orders else "activations.file",
            f"strategy {strategy} sells no schedule to deviate from: leave the orders "
            f"out, or run one of {', '.join(SELLING)}",
        )


def _shortfall_is_dearer(scenario: Scenario) -> Findings:
    price = scenario.aggregators.imbalance_price_dkk_per_kwh
    usual = price + scenario.dso.deviation_fee_dkk_per_kwh
    if scenario.activations.shortfall_dkk_per_kwh < usual:
        yield (
            "activations.shortfall_dkk_per_kwh",
            f"must be at least what other imbalance costs, {usual:g}: "
            "aggregators.imbalance_price_dkk_per_kwh and dso.deviation_fee_dkk_per_kwh",
        )


def _file_exists(section: str, key: str = "file") -> Callable[[Scenario], Findings]:
    def find(scenario: Scenario) -> Findings:
        file: str = getattr(getattr(scenario, section), key)
        if file and not Path(file).is_file():
            yield f"{section}.{key}", f"there is no file {file}"

    return find


def _solver_here(scenario: Scenario) -> Findings:
    if scenario.solver.name == INSTALLED_SOLVER:
        return
    import pulp  # takes half a second, and nearly nobody gets here

    available = pulp.listSolvers(onlyAvailable=True)
    if scenario.solver.name not in available:
        yield "solver.name", f"PuLP finds on this machine only {', '.join(available)}"


def _lp_folder(scenario: Scenario) -> Findings:
    folder = scenario.solver.write_lp
    obstacle = cannot_write(Path(folder)) if folder else None
    if obstacle:
        yield "solver.write_lp", obstacle


def cannot_write(folder: Path) -> str | None:
    """Say why no file can be made in a folder (that may itself have yet to be made).

    Nothing is left behind, neither file nor folder.
    """
    there = next(part for part in (folder, *folder.absolute().parents) if part.exists())
    if not there.is_dir():
        return f"{there} is a file, not a folder"
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        return f"cannot write in folder {there}: {error.strerror}"
    return None


_IN_WHOLE_STEPS = (
    ("run", "duration_h"),
    ("run", "warm_up_h"),
    ("planning", "every_h"),
    ("forecast", "renewed_every_h"),
    ("planning", "horizon_h"),
    ("day_ahead", "gate_closure_h"),
    ("intraday", "every_h"),
    ("intraday", "gate_closure_h"),
    ("intraday", "reach_h"),
)
_NAMES = ("grid.areas", "grid.copies", "aggregators.count")
_SITES = ("sites.heat_pumps", "sites.pv_batteries")

CHECKS = (
    Check(("run.start", "run.step_s"), _start_on_a_whole_step),
    *(
        Check((f"{section}.{key}", "run.step_s"), _whole_steps(section, key))
        for section, key in _IN_WHOLE_STEPS
    ),
    *(
        Check(
            (f"grid.{key}", "grid.areas", "grid.copies"),
            grid_checks.one_number_per_area(key),
        )
        for key in ("transformer_kva", "loading_limit_percent")
    ),
    Check(
        ("grid.feeders", "grid.areas", "grid.copies"), grid_checks.feeders_are_a_tree
    ),
    Check(("grid.areas", "grid.file"), grid_checks.known_grids),
    Check(("grid.areas", "grid.file"), grid_checks.one_busbar),
    Check(
        ("grid.areas", "grid.file", "grid.copies", *_SITES), grid_checks.enough_homes
    ),
    Check(("aggregators.count", *_SITES), _a_site_for_each_aggregator),
    *(
        Check((f"{section}.file",), _file_exists(section))
        for section in ("grid", "weather", "prices", "households", "activations")
    ),
    Check(
        ("activations.orders", "run.start", "run.step_s", "run.duration_h", *_NAMES),
        _orders_fit,
    ),
    Check(
        ("activations.orders", "activations.file", "run.strategy"),
        _a_schedule_to_deviate_from,
    ),
    Check(
        (
            "activations.shortfall_dkk_per_kwh",
            "aggregators.imbalance_price_dkk_per_kwh",
            "dso.deviation_fee_dkk_per_kwh",
        ),
        _shortfall_is_dearer,
    ),
    Check(
        (
            "alternatives.optimum_on_off",
            "run.step_s",
            "run.duration_h",
            "sites.heat_pumps",
        ),
        _few_choices,
    ),
    Check(("intraday.gate_closure_h", "intraday.reach_h"), _something_to_trade),
    Check(
        ("settlement.imbalance_price_file",),
        _file_exists("settlement", "imbalance_price_file"),
    ),
    Check(("solver.name",), _solver_here),
    Check(("solver.write_lp",), _lp_folder),
)


def findings(scenario: Scenario, unsound: frozenset[str]) -> Findings:
    """Ask every check whose keys are sound.

    Parameters
    ----------
    scenario
        Each unsound key stands at its default here.
    unsound
        Dotted keys, or whole sections, that have a problem already.
    """
    for check in CHECKS:
        parts = {*check.needs, *(need.split(".")[0] for need in check.needs)}
        if not parts & unsound:
            yield from check.find(scenario)
