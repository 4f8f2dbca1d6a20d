"""Golden runs: scenario, mosaik, results file and metrics against numbers kept.

A case is a folder of tests/cases: its scenario, and what is expected of each strategy
and of one strategy against another, each number with its own tolerance. The tolerances
leave room for a better plan, not for another result.
"""

import json
from pathlib import Path

import pytest

from mosaik_bottomup import scenario
from mosaik_bottomup.app import world
from mosaik_bottomup.metrics import METRICS, evaluate, metric, relative
from mosaik_bottomup.results import read

CASES = sorted(path.parent for path in Path(__file__).parent.glob("cases/*/*.toml"))
AGAINST = " against "


def expected(case):
    return json.loads((case / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_case_comes_out_as_expected(case, tmp_path):
    wanted = expected(case)
    runs = {}
    for strategy in (name for name in wanted if AGAINST not in name):
        file = tmp_path / f"{strategy}.h5"
        world.run(scenario.load(case / "scenario.toml", strategy=strategy), file)
        runs[strategy] = read(file)

    off = []
    for name, numbers in wanted.items():
        one, against, other = name.partition(AGAINST)
        found = relative(runs[one], runs[other]) if against else evaluate(runs[one])
        off += [
            f"{name}: {key} is {found[key]:g} {metric(key).unit}, not {each}"
            for key, each in numbers.items()
            if not abs(found[key] - each["value"]) <= each["tolerance"]
        ]

    assert not off, "\n".join(off)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_case_asks_for_metrics_that_exist(case):
    for numbers in expected(case).values():
        assert {key.partition(".")[0] for key in numbers} <= METRICS.keys()
        assert all(each["tolerance"] >= 0 for each in numbers.values())


def test_there_is_a_golden_case():
    assert CASES
