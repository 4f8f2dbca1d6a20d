"""The page of a sweep: what it draws of which sweep, and why it leaves things out."""

import itertools

import numpy as np
import pandas as pd
import pytest
import typer.testing

from mosaik_bottomup.app import cli
from mosaik_bottomup.app.report.heat_maps import heat_maps
from mosaik_bottomup.app.report.parallel import parallel
from mosaik_bottomup.app.report.sensitivity import sensitivity, why_not
from mosaik_bottomup.app.report.sweep import sweep_page
from mosaik_bottomup.app.report.sweep_points import at_points
from mosaik_bottomup.app.sweep.sampling import Sampling, places
from mosaik_bottomup.app.sweep.table import About

AXES = ("sites.heat_pumps", "pv.tilt_deg", "dso.look_ahead")


def about(points, method="grid", drawn=(), failed=0):
    """Return a sweep whose cost is ten times its first axis, plus its second."""
    rows = [
        {
            "point": number,
            **dict(zip(AXES, point, strict=False)),
            "strategy": strategy,
            "seed": seed,
            "run_id": f"{strategy}-{number}-{seed}",
            "status": "done",
            "error": "",
            "customer_cost_dkk": 10.0 * point[0] + point[1] + seed,
            "peak_loading_percent": 80.0,
        }
        for number, point in enumerate(points, start=1)
        for strategy in ("price-only", "two-stage")
        for seed in (1, 3)
    ]
    table = pd.DataFrame(rows)
    table.loc[table.index < failed, ["status", "error"]] = "failed", "no <room>"
    axes = AXES[: len(points[0])]
    drawn = tuple(map(tuple, drawn))
    return About("s", "two_areas", axes, method, drawn, "again", "1.0", table)


@pytest.fixture
def grid():
    return about(list(itertools.product((10, 20), (0, 30, 60), ("store", "none"))))


@pytest.fixture
def saltelli():
    drawn = places(Sampling(method="saltelli", samples=256), 2)
    return about(drawn.tolist(), "saltelli", drawn)


def test_each_point_is_a_line_of_each_strategy_across_axes_and_what_differs(grid):
    figure = parallel(grid, at_points(grid))

    lengths = {trace["name"]: len(trace["y"]) for trace in figure.traces}
    axes_and_cost, gap = len(AXES) + 1, 1
    assert lengths == dict.fromkeys(
        ("price-only", "two-stage"), 12 * (axes_and_cost + gap)
    )
    assert "customer cost [DKK]" in figure.caption
    assert "peak loading" not in figure.caption
    drawn = [y for trace in figure.traces for y in trace["y"] if y is not None]
    assert (min(drawn), max(drawn)) == (0, 1)


def test_a_cell_of_a_map_is_the_mean_over_seeds_and_other_axes(grid):
    (figure,) = heat_maps(grid, at_points(grid))

    first = figure.traces[0]
    assert (first["x"], first["y"]) == (["10", "20"], ["0", "30", "60"])
    assert first["z"] == [[102, 202], [132, 232], [162, 262]]
    assert "[DKK]" in figure.layout["coloraxis"]["colorbar"]["title"]["text"]


def test_samples_are_dots_where_they_were_drawn(saltelli):
    (figure,) = heat_maps(saltelli, at_points(saltelli))

    assert figure.traces[0]["mode"] == "markers"
    assert len(figure.traces[0]["x"]) == 256 * 4


def test_a_map_needs_two_axes():
    one = about([(1, 5), (2, 5)])

    assert heat_maps(one, at_points(one)) == []


def test_of_a_sum_each_term_has_its_share_of_the_variance(saltelli):
    table = sensitivity(saltelli)

    (_, rows), _ = table.groups
    shares = np.array([[float(cell.text) for cell in row.cells] for row in rows])
    assert shares == pytest.approx(np.array([[100, 100], [1, 1]]) / 101, abs=0.02)


def test_why_there_are_no_indices_is_said(grid, saltelli):
    failed = about([(1, 2), (2, 2)], "saltelli", failed=1)

    assert why_not(saltelli) == ""
    assert 'method = "saltelli"' in why_not(grid)
    assert "1 failed" in why_not(failed)


def test_the_page_lists_failed_runs_and_is_safe_to_open(grid):
    text = sweep_page(about([(1, 2), (2, 3)], failed=2))

    assert "point 1, price-only, seed 3: no &lt;room&gt;" in text
    assert "Runs that failed:</strong> 2" in text
    assert 'id="plot-parallel"' in text


def test_a_sweep_of_failures_has_a_page_too():
    text = sweep_page(about([(1, 2)], failed=4))

    assert "No run of this sweep ended well." in text


def test_a_folder_that_no_sweep_has_filled_is_refused(tmp_path):
    (tmp_path / "sweep.json").write_text("{}")

    result = typer.testing.CliRunner().invoke(cli.app, ["report", str(tmp_path)])

    assert result.exit_code == 2
    assert "`mosaik-bottomup sweep` has filled" in result.output
