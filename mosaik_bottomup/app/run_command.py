"""The commands ``run`` and ``validate``: a scenario, settled, checked and simulated."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mosaik_bottomup.app.input_files import series_problems
from mosaik_bottomup.app.options import (
    FAILED,
    INTERRUPTED,
    PACKAGED_DEFAULT,
    Overrides,
    ScenarioName,
)
from mosaik_bottomup.app.output_file import made, output_problems
from mosaik_bottomup.app.show_command import print_table
from mosaik_bottomup.app.terminal import plain, progress, refuse, say

if TYPE_CHECKING:
    from mosaik_bottomup.errors import Problem
    from mosaik_bottomup.scenario import Scenario

DEFAULT_FOLDER = Path("results")

Seed = Annotated[
    int | None, typer.Option(help="Same as --set run.seed=N.", metavar="N")
]


def run(
    scenario: Annotated[
        str,
        typer.Argument(
            help="TOML file, or name of a packaged scenario. A file needs only the "
            "keys it changes; scenarios/two_areas.toml shows them all."
        ),
    ] = PACKAGED_DEFAULT,
    strategy: Annotated[
        Literal[
            "two-stage",
            "stage-one",
            "price-only",
            "thermostat",
            "static-cap",
            "packet",
            "packet-unlimited",
            "price-iteration",
            "optimum",
        ]
        | None,
        typer.Option(
            help="two-stage coordinates and secures. To compare with: in stage-one "
            "aggregators follow their schedules and nobody secures; in price-only each "
            "site does what is cheapest for itself; in thermostat it knows no price; "
            "in static-cap sites are capped alike in critical hours; in packet they "
            "ask for energy at random; in price-iteration a surcharge is to keep the "
            "limits; optimum foresees everything (it runs two-stage first, and ends "
            "with no less). Same as --set run.strategy=..."
        ),
    ] = None,
    overrides: Overrides = None,
    seed: Seed = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Results file (HDF5, netCDF-4). "
            "[default: results/SCENARIO-STRATEGY-SEED.h5]",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Say nothing unless something is wrong.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite an existing results file.")
    ] = False,
    checkpoint_every_h: Annotated[
        float,
        typer.Option(
            "--checkpoint-every",
            metavar="HOURS",
            min=0.0,
            help="Keep, in a folder beside the results file, from where a run goes on "
            "that is stopped; 0 is never. The strategy optimum keeps nothing.",
        ),
    ] = 24.0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from the last checkpoint of a run that was stopped.",
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of a failed run.")
    ] = False,
) -> None:
    """Run a scenario and write one results file.

    Nothing is written if the scenario, the series it names or the output folder is
    bad; every problem is reported at once.
    """
    from mosaik_bottomup.errors import InputError

    settled, problems = _settled(scenario, overrides, seed, strategy)
    if settled is None:
        refuse(problems + (output_problems(out, force) if out else []))
    file = out or DEFAULT_FOLDER / f"{_file_name(settled)}.h5"
    if problems := output_problems(file, force or resume):
        refuse(problems)

    try:
        with made(file.parent), progress(_file_name(settled), quiet) as on_progress:
            _simulate(settled, file, on_progress, checkpoint_every_h, resume)
    except InputError as error:
        refuse(error.problems)
    except KeyboardInterrupt:
        from mosaik_components.bottomup.checkpoint import last

        from mosaik_bottomup.app.resuming import folder_of

        held = (
            f"{plain(file)} holds the steps so far" if file.exists() else "no results"
        )
        if last(folder_of(file)):
            held += "; --resume goes on from the last checkpoint"
        say(f"interrupted; {held}")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if debug:
            raise
        say(f"[red]the run failed:[/red] {plain(error)} (--debug shows where)")
        raise typer.Exit(FAILED) from error
    if not quiet:
        print_table([file])
        typer.echo(f"results: {file}")


def validate(
    scenario: ScenarioName,
    overrides: Overrides = None,
    resolved: Annotated[
        bool,
        typer.Option("--resolved", help="Print the scenario with every key filled in."),
    ] = False,
) -> None:
    """Check a scenario and the files it names, without running it."""
    settled, problems = _settled(scenario, overrides, None, None)
    if settled is None:
        refuse(problems)
    if problems := series_problems(settled):
        refuse(problems)
    if resolved:
        typer.echo(settled.to_toml(), nl=False)
    else:
        run, sites = settled.run, settled.sites
        typer.echo(
            f"{scenario}: ok, {run.steps} steps of {run.step_s} s, "
            f"areas {', '.join(settled.grid.area_names)}, "
            f"{sites.heat_pumps} heat pumps, {sites.pv_batteries} PV batteries"
        )


def _settled(
    scenario: str, overrides: list[str] | None, seed: int | None, strategy: str | None
) -> "tuple[Scenario | None, list[Problem]]":
    from mosaik_bottomup.errors import InputError
    from mosaik_bottomup.scenario import load

    try:
        return load(scenario, overrides or (), seed, strategy), []
    except InputError as error:
        return None, error.problems


def _file_name(scenario: "Scenario") -> str:
    return f"{scenario.name}-{scenario.run.strategy}-{scenario.run.seed}"


def _simulate(
    scenario: "Scenario",
    file: Path,
    on_progress: Callable[[int, int], None],
    checkpoint_every_h: float,
    resume: bool,
) -> None:
    from mosaik_bottomup.app.resuming import checkpoints

    kept = checkpoints(scenario, file, checkpoint_every_h, resume)
    if scenario.run.strategy == "optimum":
        from mosaik_bottomup.app.optimum_run import run_both

        run_both(scenario, file, on_progress)
    else:
        from mosaik_bottomup.app.world import run as run_world

        run_world(scenario, file, on_progress, checkpoints=kept)
