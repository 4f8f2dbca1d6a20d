"""The command line: ``mosaik-bottomup run``, ``show``, ``compare`` and the rest."""

import typer

from mosaik_bottomup.app.evidence.commands import compare, frontier
from mosaik_bottomup.app.flexibility.command import flexibility
from mosaik_bottomup.app.report_command import report
from mosaik_bottomup.app.run_command import run, validate
from mosaik_bottomup.app.settle_command import settle
from mosaik_bottomup.app.show_command import show
from mosaik_bottomup.app.sweep.command import sweep

# What takes long to import (pydantic, h5py, pandas, pulp, mosaik) is imported inside
# the commands, so that --help and typing errors answer at once.

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

app.command(
    epilog="""Examples:

- `mosaik-bottomup run`

- `mosaik-bottomup run my.toml --strategy price-only --seed 3`

- `mosaik-bottomup run --set grid.loading_limit_percent=80 --out at80.h5`

- `mosaik-bottomup run --set run.start=2016-12-22T00:00:00+01:00`

- `mosaik-bottomup run my.toml --set run.duration_h=8784 --resume`
"""
)(run)
app.command(
    epilog="""Examples:

- `mosaik-bottomup show results/two_areas-two-stage-1.h5`

- `mosaik-bottomup show price-only.h5 two-stage.h5`

- `mosaik-bottomup show results/two_areas-two-stage-1.h5 --json`

- `mosaik-bottomup show results/two_areas-two-stage-1.h5 --ledger`
"""
)(show)
app.command(
    epilog="""Examples:

- `mosaik-bottomup validate my.toml`

- `mosaik-bottomup validate two_areas --resolved > mine.toml`
"""
)(validate)
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


if __name__ == "__main__":
    main()
