"""A process killed at any moment leaves a file that opens and says how far it came."""

import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from mosaik_bottomup.results import BY_AREA, LAYOUT, read, seal

# Every value of a step is the step's number; steps done are told to stdout.
WRITE_AND_TELL = textwrap.dedent(
    """
    import sys
    from mosaik_bottomup.results import BY_AREA, LAYOUT, ResultsWriter, seal

    path, flush_every = sys.argv[1], int(sys.argv[2])
    groups = [
        g for g in LAYOUT.values() if not g.derived and not g.name.endswith(BY_AREA)
    ]
    entities = {g.name: ["a", "b"] for g in groups if g.dimension}
    static = {g: {v.name: [1, 1] for v in LAYOUT[g].static} for g in entities}
    attrs = dict(scenario="", scenario_name="", seed=1, strategy="",
                 voltage_min_pu=0.9, voltage_max_pu=1.1)
    writer = ResultsWriter(
        path, attrs, "2016-01-04T00:00Z", 900, 4_000, entities, static, flush_every
    )
    print("begun", flush=True)
    for k in range(4_000):
        value = k % 100
        writer.append({
            g.name: {v.name: [value, value] if g.dimension else value
                     for v in g.series}
            for g in groups
        })
        sys.stdout.write(f"{k + 1}\\n")
        sys.stdout.flush()
    """
)


def kill_after(path: Path, flush_every: int, wait_s: float) -> int:
    """Start a run, kill it after a while, and return how many steps it told of."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_AND_TELL, str(path), str(flush_every)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(wait_s)
        process.kill()
        told = process.stdout.read().splitlines()
    # The last line may be cut off in the middle, but it then is a smaller number.
    return int(told[-2]) if len(told) > 1 else 0


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "flush_every"), [(1, 1), (2, 4), (3, 1), (4, 4)])
def test_a_run_killed_while_it_writes_keeps_all_but_the_last_steps(
    tmp_path, seed, flush_every
):
    path = tmp_path / "run.h5"

    told = kill_after(path, flush_every, random.Random(seed).uniform(0.0, 0.4))

    results = read(path)
    assert not results.complete
    assert told - flush_every < results.steps_written < 4_000
    expected = np.arange(results.steps_written) % 100
    for group in ("market", "heat_pumps", "lines", "messages"):
        with h5py.File(path) as file:
            names = [
                name for name, item in file[group].items() if item.shape[:1] == (4_000,)
            ]
        assert names
        for name in names:
            np.testing.assert_array_equal(
                np.atleast_2d(results.series(group, name))[-1], expected
            )
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        assert tree.attrs["complete"] == 0
        air_c = tree["heat_pumps/air_c"].values
    np.testing.assert_array_equal(air_c[: results.steps_written, 1], expected)
    assert np.isnan(air_c[results.steps_written + flush_every :]).all()


BEGIN_AND_SEAL = textwrap.dedent(
    """
    import sys
    from mosaik_bottomup.results import seal

    print("begun", flush=True)
    seal(sys.argv[1], {"a check": {"pass": True}}, 1.0, [1.0])
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("wait_s", [0.0, 0.04, 0.08, 0.16])
def test_a_run_killed_while_it_is_sealed_keeps_all_steps(small_run, wait_s):
    path = small_run({"heat_pumps/air_c": 21.5}, steps=8)

    with subprocess.Popen(
        [sys.executable, "-c", BEGIN_AND_SEAL, str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait_s)
        process.kill()

    results = read(path)
    assert results.steps_written == 8
    assert (results.series("heat_pumps", "air_c") == 21.5).all()
    assert results.complete == ("certificate" in results.attrs)
    if not results.complete:
        seal(path, {}, 1.0, [1.0])
        assert read(path).complete
        assert list(path.parent.iterdir()) == [path]


def test_between_any_two_writes_the_file_is_whole(small_writer, steps_of, tmp_path):
    writer = small_writer(steps=2)
    copy = tmp_path / "copy.h5"
    copy.write_bytes(writer.path.read_bytes())
    writes: list[tuple[int, bytes]] = []

    class Recording:
        """Takes writes as a file does, and keeps them in order."""

        def seek(self, place: int) -> None:
            self.place = place

        def write(self, content: bytes) -> None:
            writes.append((self.place, content))

        def flush(self) -> None:
            pass

    writer._file.close()
    writer._file = Recording()
    for step in steps_of(2, {"heat_pumps/air_c": [[20.0, 21.0]] * 2}):
        writer.append(step)

    size = copy.stat().st_size
    per_step = len(writes) // 2
    with copy.open("r+b") as file:
        for number, (place, content) in enumerate(writes, start=1):
            file.seek(place)
            file.write(content)
            file.flush()
            if number % per_step not in (0, 1, 2, per_step // 2, per_step - 1):
                continue

            results = read(copy)
            assert results.steps_written == number // per_step
            np.testing.assert_array_equal(
                results.series("heat_pumps", "air_c")[0],
                [20.0, 21.0][: results.steps_written],
            )
    assert copy.stat().st_size == size
    of_a_step = [
        group
        for group in LAYOUT.values()
        if not group.derived and not group.name.endswith(BY_AREA)
    ]
    assert per_step == sum(len(group.series) for group in of_a_step) + 1
