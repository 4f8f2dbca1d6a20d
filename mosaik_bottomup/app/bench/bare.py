"""How much longer stage 2 and a power flow take than the bare libraries below them.

HiGHS gets the very problem that stage 2 ends with, power-grid-model the very loads.
Each is called in turn with ours, in one process, so that both meet the same machine.
``python -m mosaik_bottomup.app.bench.bare`` reads a scenario (TOML) from standard input
and writes a JSON object to standard output.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import highspy
import numpy as np
import power_grid_model as pgm

from mosaik_bottomup.app import world
from mosaik_bottomup.app.bench.stopwatch import replaced
from mosaik_bottomup.coordination import system_operator
from mosaik_bottomup.coordination.congestion_points import TOLERANCE_KW, Room
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_two import Secured, secure
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.grid.power_flow import PowerFlow, PowerFlowResult
from mosaik_bottomup.grid.power_grid_model_engine import OPTIONS, input_tables
from mosaik_bottomup.messages import AreaOffer
from mosaik_bottomup.scenario import Scenario, parse

ROUNDS = 100
MS_PER_S = 1e3
WATT_PER_KW = 1e3

type Arguments = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """Ours beside the bare library, each the median of many calls."""

    ours_ms: float
    bare_ms: float
    ratio: float
    """Median of the ratios of neighbouring calls."""


@dataclass(slots=True, eq=False)
class Asked:
    """What a run asked for."""

    stage_two: Arguments | None = None
    """Of `secure`, in the step whose plans are furthest beyond a limit; None if none
    ever is."""
    power_flow: Arguments = ()
    """Of `PowerFlow.solve`, the last time."""
    beyond_kw: float = TOLERANCE_KW


def recorded(scenario: Scenario, folder: Path) -> Asked:
    """Run a scenario, and keep what its steps asked for; rehearsals do not count."""
    kept, solve = Asked(), PowerFlow.solve

    def secured(*arguments: Any) -> Secured:
        offers, room = arguments[:2]
        beyond_kw = _beyond_kw(offers, room)
        if offers[0].moment.rehearsal is None and beyond_kw > kept.beyond_kw:
            kept.stage_two, kept.beyond_kw = arguments, beyond_kw
        return secure(*arguments)

    def solved(*arguments: Any) -> PowerFlowResult:
        power_flow, *loads = arguments
        kept.power_flow = (power_flow, *(load.copy() for load in loads))
        return solve(*arguments)

    with (
        replaced(system_operator, "secure", secured),
        replaced(PowerFlow, "solve", solved),
    ):
        world.run(scenario, folder / "run.h5")
    return kept


def stage_two(arguments: Arguments, folder: Path, rounds: int = ROUNDS) -> Beside:
    """Compare `secure` with HiGHS on the last problem it solves."""
    solver: Solver = arguments[-1]
    written = (*arguments[:-1], replace(solver, lp_folder=folder))
    secure(*written)
    files = folder.glob("stage_two-*.lp")
    last = max(files, key=lambda file: int(file.stem.rpartition("-")[2]))
    reader = _highs(solver)
    reader.readModel(str(last))
    problem = reader.getLp()

    def bare() -> None:
        highs = _highs(solver)
        highs.passModel(problem)
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise InvariantError("HiGHS alone does not solve what stage 2 solved")

    return in_turn(lambda: secure(*arguments), bare, rounds)


def power_flow(arguments: Arguments, rounds: int = ROUNDS) -> Beside:
    """Compare `PowerFlow.solve` with power-grid-model on the same loads."""
    ours, p_kw, q_kvar = arguments
    tables = input_tables(ours.network)
    load = tables[pgm.ComponentType.sym_load]
    load["p_specified"] = p_kw * WATT_PER_KW
    load["q_specified"] = q_kvar * WATT_PER_KW
    model = pgm.PowerGridModel(tables)
    return in_turn(
        lambda: ours.solve(p_kw, q_kvar),
        lambda: model.calculate_power_flow(**OPTIONS),
        rounds,
    )


def in_turn(
    ours: Callable[[], object],
    bare: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = process_time,
) -> Beside:
    """Call one after the other, so many times, and return the medians."""
    ours()  # what is made once, is made now
    bare()
    times = []
    for _ in range(rounds):
        began_s = clock()
        ours()
        between_s = clock()
        bare()
        times.append((between_s - began_s, clock() - between_s))
    ours_s, bare_s = zip(*times, strict=True)
    return Beside(
        MS_PER_S * median(ours_s),
        MS_PER_S * median(bare_s),
        median(our_s / bare_s for our_s, bare_s in times),
    )


def _beyond_kw(offers: Sequence[AreaOffer], room: Room) -> float:
    plan_kw = np.sum([offer.plan_kw for offer in offers], axis=0)
    total_kw = room.uncontrolled_kw + plan_kw
    beyond_kw = np.maximum(total_kw - room.import_kw, -room.export_kw - total_kw)
    return float(beyond_kw.max())


def _highs(solver: Solver) -> highspy.Highs:
    """Return HiGHS, quiet and set as for all stages."""
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.silent()
    for name, value in replace(solver, name="HiGHS").options().items():
        if name != "msg":  # PuLP's own
            highs.setOptionValue(name, value)
    return highs


def measure(scenario: Scenario, rounds: int = ROUNDS) -> dict[str, Beside]:
    """Return the comparisons; without stage 2 where no plan meets a limit."""
    with TemporaryDirectory() as folder:
        kept = recorded(scenario, Path(folder))
        found = {"power_flow": power_flow(kept.power_flow, rounds)}
        if kept.stage_two is not None:
            found["stage_two"] = stage_two(kept.stage_two, Path(folder), rounds)
    return found


def main() -> None:
    """Measure what standard input says."""
    found = measure(parse(sys.stdin.read()))
    json.dump({name: asdict(beside) for name, beside in found.items()}, sys.stdout)


if __name__ == "__main__":
    main()
