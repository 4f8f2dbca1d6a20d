"""The command line: ``mosaik-bottomup run``, ``show``, ``compare`` and the rest."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mosaik_bottomup.app.evidence.commands import compare, frontier
from mosaik_bottomup.app.flexibility.command import flexibility
from mosaik_bottomup.app.input_files import series_problems
from mosaik_bottomup.app.output_file import made, output_problems
from mosaik_bottomup.app.report_command import report
from mosaik_bottomup.app.settle_command import settle, show_ledgers
from mosaik_bottomup.app.sweep.command import sweep
from mosaik_bottomup.app.terminal import plain, progress, refuse, say, stream

# What takes long to import (pydantic, h5py, pandas, pulp, mosaik) is imported inside
# the commands, so that --help and typing errors answer at once.
if TYPE_CHECKING:
    from mosaik_bottomup.errors import Problem
    from mosaik_bottomup.scenario import Scenario

PACKAGED_DEFAULT = "two_areas"
DEFAULT_FOLDER = Path("results")
FAILED = 1
INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""Secure two-stage bottom-up load coordination in distribution grids.

Heat pumps and PV batteries bid what they could do in the next step and what it is
worth to them; aggregators clear the bids; the network operator keeps every transformer
within its limit, by power flow.

A first run: `mosaik-bottomup run` simulates a cold winter day and ends with a table
and a certificate. `mosaik-bottomup run --strategy price-only` is the same day without
coordination, and `mosaik-bottomup show FILE FILE` compares the two. `compare` and
`frontier` do so for many strategies and seeds.

Exit codes: 0 done, 1 the run failed, 2 bad input.""",
)

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="Change any key of the scenario; may be given several times. Values are "
        "written as in TOML, strings without quotes are understood.",
    ),
]
Seed = Annotated[
    int | None, typer.Option(help="Same as --set run.seed=N.", metavar="N")
]


@app.command(
    epilog="""Examples:

- `mosaik-bottomup run`

- `mosaik-bottomup run my.toml --strategy price-only --seed 3`

- `mosaik-bottomup run --set grid.loading_limit_percent=80 --out at80.h5`

- `mosaik-bottomup run --set run.start=2016-12-22T00:00:00+01:00`

- `mosaik-bottomup run my.toml --set run.duration_h=8784 --resume`
"""
)
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
        _print_table([file])
        typer.echo(f"results: {file}")


@app.command(
    epilog="""Examples:

- `mosaik-bottomup show results/two_areas-two-stage-1.h5`

- `mosaik-bottomup show price-only.h5 two-stage.h5`

- `mosaik-bottomup show results/two_areas-two-stage-1.h5 --json`

- `mosaik-bottomup show results/two_areas-two-stage-1.h5 --ledger`
"""
)
def show(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Results of runs; several are shown side by side, with differences "
            "from the first in percent.",
        ),
    ],
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object instead (a list for several files)."
        ),
    ] = False,
    ledger: Annotated[
        bool,
        typer.Option(
            "--ledger", help="Show who has paid whom instead: headings by parties."
        ),
    ] = False,
) -> None:
    """Show what came of a run: loading, cost, comfort and the certificate."""
    if ledger:
        show_ledgers(files, as_json)
        return
    if not as_json:
        _print_table(files)
        return
    summaries = _summaries(files)
    whole = summaries[0] if len(summaries) == 1 else summaries
    typer.echo(json.dumps(whole, indent=2, allow_nan=False))


@app.command(
    epilog="""Examples:

- `mosaik-bottomup validate my.toml`

- `mosaik-bottomup validate two_areas --resolved > mine.toml`
"""
)
def validate(
    scenario: Annotated[
        str, typer.Argument(help="TOML file, or name of a packaged scenario.")
    ],
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


app.command(
    epilog="""Examples:

- `mosaik-bottomup compare --seeds 1-3`

- `mosaik-bottomup compare --strategies price-only,two-stage --limit 73`

- `mosaik-bottomup compare my.toml --set dso.look_ahead=none --out results/blind`
"""
)(compare)
app.command(
    epilog="""Examples:

- `mosaik-bottomup frontier`

- `mosaik-bottomup frontier --limits 100,80,60 --seeds 1 --json`

- `mosaik-bottomup frontier my.toml --strategies two-stage --workers 1`
"""
)(frontier)
app.command(
    epilog="""Examples:

- `mosaik-bottomup sweep scenarios/sweep_limit_and_share.toml --dry-run`

- `mosaik-bottomup sweep my_sweep.toml --workers 8`

- `mosaik-bottomup sweep my_sweep.toml --scheduler tcp://node1:8786`
"""
)(sweep)


app.command(
    epilog="""Examples:

- `mosaik-bottomup report price-only.h5 two-stage.h5`

- `mosaik-bottomup report results/frontier --out frontier.html`
"""
)(report)
app.command(
    epilog="""Examples:

- `mosaik-bottomup settle two-stage.h5 --reference price-only.h5`

- `mosaik-bottomup settle at73.h5 at65.h5 --reference price-only.h5 --json`
"""
)(settle)


app.command(
    epilog="""Examples:

- `mosaik-bottomup flexibility`

- `mosaik-bottomup flexibility --verify --set grid.loading_limit_percent=80`

- `mosaik-bottomup flexibility my.toml --set reserve.firm_share=0.9 --json`
"""
)(flexibility)


def main() -> None:
    """Entry point of the console script."""
    app()


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


def _summaries(files: list[Path]) -> list[dict[str, Any]]:
    from mosaik_bottomup.errors import InputError, Problem
    from mosaik_bottomup.metrics import summarise

    summaries: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for file in files:
        if not file.is_file():
            problems.append(Problem("show", "FILE", str(file), "there is no such file"))
            continue
        try:
            summaries.append(summarise(file))
        except InputError as error:
            problems += error.problems
        except (OSError, KeyError, ValueError) as error:
            remedy = f"cannot be shown: {error}"
            problems.append(Problem("show", "FILE", str(file), remedy))
    if problems:
        refuse(problems)
    return summaries


def _print_table(files: list[Path]) -> None:
    from mosaik_bottomup.app.show import LABEL_COLUMNS, VALUE_COLUMNS, table, titles

    summaries = _summaries(files)
    console = stream()
    if not console.is_terminal:
        console.width = LABEL_COLUMNS + VALUE_COLUMNS * len(files)
    names = titles(summaries, [file.stem for file in files])
    console.print(table(summaries, names))


if __name__ == "__main__":
    main()
