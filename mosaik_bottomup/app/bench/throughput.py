"""How many runs a sweep makes in a minute, with one worker and with two."""

from pathlib import Path
from tempfile import TemporaryDirectory

from mosaik_bottomup.app.bench.process import timed
from mosaik_bottomup.scenario import Scenario

FEW, MANY = 4, 200
"""Seeds, each a run."""
FEW_H = 2.0
"""Hours of each of few runs; many are as long as the scenario says."""
WORKERS = (1, 2)
S_PER_MIN = 60.0
SWEEP = """\
name = "throughput"
scenario = "scenario.toml"
strategies = ["{strategy}"]
seeds = {seeds}
keep = "none"

[axes]
"run.duration_h" = [{duration_h}]
"""


def runs_per_min(
    scenario: Scenario, runs: int, duration_h: float, workers: int
) -> float:
    """Return how many runs per minute the command ``sweep`` makes, its start included.

    Raises
    ------
    subprocess.CalledProcessError
        If a run fails.
    """
    with TemporaryDirectory() as folder:
        Path(folder, "scenario.toml").write_text(scenario.to_toml(), encoding="utf-8")
        file = Path(folder, "sweep.toml")
        sweep = SWEEP.format(
            strategy=scenario.run.strategy,
            seeds=list(range(1, runs + 1)),
            duration_h=duration_h,
        )
        file.write_text(sweep, encoding="utf-8")
        command = ["-m", "mosaik_bottomup.app.cli", "sweep", str(file)]
        options = ["--workers", str(workers), "--out", folder, "--quiet"]
        return S_PER_MIN * runs / timed([*command, *options]).wall_s


def throughput(scenario: Scenario, runs: int, duration_h: float) -> dict[str, float]:
    """Return runs per minute by the number of workers, and how much more two make."""
    rates = {
        f"workers_{workers}_per_min": runs_per_min(scenario, runs, duration_h, workers)
        for workers in WORKERS
    }
    one, two = rates.values()
    return rates | {"two_to_one": two / one}
