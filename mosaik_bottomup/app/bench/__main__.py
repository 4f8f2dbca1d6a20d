"""Where the time goes: ``make bench`` measures whole commands and single steps.

Machines are noisy, and so every figure is the median of several runs, parts are
counted in processor time, and what is to be compared with other machines or days is a
ratio of two times of one process.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any

import typer

from mosaik_bottomup.app.bench.sample import Sample
from mosaik_bottomup.app.bench.table import lines
from mosaik_bottomup.app.terminal import stream
from mosaik_bottomup.results.versions import package_versions
from mosaik_bottomup.scenario import load

IMPORTS = (
    "import mosaik_bottomup.app.cli, mosaik_bottomup.app.world, "
    "mosaik_bottomup.metrics, mosaik_bottomup.app.show"
)
"""All that ``mosaik-bottomup run`` imports."""
WIDTH = 88
MB_PER_MAXRSS = 1 / 1024 if sys.platform == "linux" else 1 / 1024**2


@dataclass(frozen=True, slots=True)
class Process:
    """What one process took from its start to its end."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def main(
    scenario: Annotated[
        str, typer.Argument(help="TOML file, or name of a packaged scenario.")
    ] = "two_areas",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="How many to take medians of.")] = 3,
    file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Keep the figures, too."),
    ] = None,
) -> None:
    """Measure where the time of a run goes."""
    text = load(scenario, overrides or ()).to_toml()
    figures = take(text, runs)
    if file:
        file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    console = stream()
    if not console.is_terminal:
        console.width = WIDTH
    for line in lines(figures):
        console.print(line)


def take(text: str, runs: int) -> dict[str, Any]:
    """Measure a scenario so many times, and return the medians.

    Parameters
    ----------
    text
        The scenario (TOML), of two steps or more.
    runs
        Each is three processes: the imports alone, the whole command, and one that
        looks at the parts and at the empty wiring.

    Raises
    ------
    subprocess.CalledProcessError
        If one fails.
    """
    load_before = os.getloadavg()[0]
    imports, commands, samples = [], [], []
    with TemporaryDirectory() as folder:
        source = Path(folder, "scenario.toml")
        source.write_text(text, encoding="utf-8")
        out = str(Path(folder, "run.h5"))
        command = ["-m", "mosaik_bottomup.app.cli", "run", str(source), "--out", out]
        for _ in range(runs):
            imports.append(_timed(["-c", IMPORTS]))
            commands.append(_timed([*command, "--force"]))
            samples.append(_sample(text))
    return {
        "machine": _machine() | {"load_before": load_before},
        "versions": package_versions(),
        "commit": _commit(),
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": runs,
        "imports": _median([asdict(process) for process in imports]),
        "command": _median([asdict(process) for process in commands]),
        "parts": _median([asdict(sample) for sample in samples]),
        "ratios": _median(
            [
                {"whole": sample.whole_ratio, "steps": sample.steps_ratio}
                for sample in samples
            ]
        ),
    }


def _timed(arguments: Sequence[str]) -> Process:
    """Run Python, and return what that process alone took."""
    command = [sys.executable, *arguments]
    began_s = perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = perf_counter() - began_s
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    cpu_s = usage.ru_utime + usage.ru_stime
    return Process(wall_s, cpu_s, usage.ru_maxrss * MB_PER_MAXRSS)


def _sample(text: str) -> Sample:
    command = [sys.executable, "-m", "mosaik_bottomup.app.bench.sample"]
    done = subprocess.run(
        command, input=text, stdout=subprocess.PIPE, text=True, check=True
    )
    return Sample(**json.loads(done.stdout))


def _median(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of every number, also of those in dicts."""
    return {
        key: _median([each[key] for each in figures])
        if isinstance(first, dict)
        else median(each[key] for each in figures)
        for key, first in figures[0].items()
    }


def _machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit of the checkout, marked if changed; "" if it is none."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        found = subprocess.run(
            command,
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return found.stdout.strip()


if __name__ == "__main__":
    typer.run(main)
