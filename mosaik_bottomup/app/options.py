"""What several commands take and how they end."""

from typing import Annotated

import typer

FAILED = 1
INTERRUPTED = 130
"""Exit codes, of a run that failed and as shells have it of one interrupted; 0 is done,
2 bad input."""

PACKAGED_DEFAULT = "two_areas"

ScenarioName = Annotated[
    str, typer.Argument(help="TOML file, or name of a packaged scenario.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="Change any key of the scenario; may be given several times. Values are "
        "written as in TOML, strings without quotes are understood.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Processes at once; the numbers are the same for any. "
        "[default: one per CPU]",
        show_default=False,
    ),
]
