"""The report: what it says is in the runs, what it cannot say it leaves out."""

import dataclasses
import json
import math
import os
import re
import tomllib
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mosaik_bottomup import scenario
from mosaik_bottomup.app import cli, world
from mosaik_bottomup.app.report import page as pages
from mosaik_bottomup.app.report import radial, style
from mosaik_bottomup.app.report.flexibility import kinds
from mosaik_bottomup.app.report.headline import headline
from mosaik_bottomup.app.report.homes import place_in_band
from mosaik_bottomup.app.report.provenance import synthetic
from mosaik_bottomup.app.report.sources import gather
from mosaik_bottomup.app.report.wording import number
from mosaik_bottomup.errors import InputError
from mosaik_bottomup.metrics.evaluate import evaluate
from mosaik_bottomup.metrics.relative import relative
from mosaik_bottomup.results import read

FEW = (
    "run.duration_h=3",
    "run.warm_up_h=1",
    "sites.heat_pumps=6",
    "sites.pv_batteries=5",
)
VOID = {"meta", "link", "line", "br", "!doctype"}
POWER_TOLERANCE_KW = 1e-9


def make(file, *overrides, strategy="two-stage", seed=1):
    settled = scenario.load("two_areas", [*FEW, *overrides], seed, strategy)
    world.run(settled, file)
    return file


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Price-only, and two-stage at 90 and 80 % of its peaks; two seeds."""
    folder = tmp_path_factory.mktemp("runs")
    made = {}
    for seed in (1, 2):
        base = make(folder / f"base{seed}.h5", strategy="price-only", seed=seed)
        made["price-only", seed, None] = base
        peak_percent = read(base).series("transformers", "loading").max(1)
        for share in (90, 80):
            limit = (share / 100 * peak_percent).tolist()
            made["two-stage", seed, share] = make(
                folder / f"two{seed}-{share}.h5",
                f"grid.loading_limit_percent={limit}",
                seed=seed,
            )
    return made


@pytest.fixture(scope="module")
def folder(runs, tmp_path_factory):
    """Lay down what compare leaves behind."""
    target = tmp_path_factory.mktemp("evidence")
    entries = []
    for (strategy, seed, limit), file in runs.items():
        run, base = read(file), read(runs["price-only", seed, None])
        entries.append(
            {
                "strategy": strategy,
                "seed": seed,
                "limit_percent": limit,
                "file": os.path.relpath(file, target),
                "metrics": evaluate(run) | relative(run, base),
            }
        )
    failure = {
        "strategy": "optimum",
        "seed": 1,
        "limit_percent": 10,
        "infeasible": True,
    }
    told = {
        "format": 1,
        "command": "mosaik-bottomup frontier --limits 90,80 --seeds 1-2",
        "runs": entries,
        "failures": [failure | {"error": "<script>alert('no')</script>"}],
    }
    (target / "evidence.json").write_text(json.dumps(told))
    return target


@pytest.fixture(scope="module")
def text(folder):
    return pages.page(gather([folder]), [folder], folder / "report.html")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Make a run that is stopped half-way."""

    def stop(done, total):
        if done == total // 2:
            raise RuntimeError("stopped")

    file = tmp_path_factory.mktemp("stopped") / "stopped.h5"
    with pytest.raises(RuntimeError, match="stopped"):
        world.run(scenario.load("two_areas", list(FEW), 1, "two-stage"), file, stop)
    return file


def report(*arguments):
    return CliRunner().invoke(cli.app, ["report", *map(str, arguments)])


def own_words(text):
    """Return the page without plotly's code."""
    return re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)


def plain(html):
    words = re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.S))
    return re.sub(r"\s+", " ", words)


def figures_of(evidence):
    return [each for section in pages.sections(evidence) for each in section.figures]


class Outline(HTMLParser):
    """What of a page matters to those who do not see it."""

    def __init__(self):
        super().__init__()
        self.headings, self.ids, self.targets, self.open = [], [], [], []
        self.unscoped = 0
        self.unsaid = 0
        self.fetched = []

    def handle_startendtag(self, tag, attrs):
        """Take a tag that needs no end."""

    def handle_starttag(self, tag, attrs):
        """Note what it is for."""
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.targets.append(attrs["href"].removeprefix("#"))
        self.unscoped += tag == "th" and "scope" not in attrs
        self.unsaid += attrs.get("role") == "img" and len(attrs["aria-label"]) < 40
        self.fetched += [attrs[at] for at in ("src", "href") if at in attrs]

    def handle_endtag(self, tag):
        """Close what was opened last."""
        assert self.open.pop() == tag


def test_the_page_needs_nothing_but_itself(text):
    outline = Outline()
    outline.feed(own_words(text))

    assert outline.open == []
    assert all(at.startswith(("#", "data:,")) for at in outline.fetched)
    assert "url(" not in own_words(text)
    assert "default-src 'none'" in text
    assert len(text.encode()) < 8e6


def test_the_page_can_be_read_by_its_structure_alone(text):
    outline = Outline()
    outline.feed(own_words(text))

    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert (np.diff(outline.headings) <= 1).all()
    assert len(set(outline.ids)) == len(outline.ids)
    assert set(outline.targets) <= set(outline.ids)
    assert outline.unscoped == 0
    assert outline.unsaid == 0


def test_every_figure_is_one_plotly_draws_and_has_its_units(folder):
    figures = figures_of(gather([folder]))

    assert len(figures) >= 9
    for figure in figures:
        told = json.loads(
            re.sub(r'"--[a-z0-9-]+"', '"#123456"', json.dumps(figure.data()))
        )
        told["layout"].pop("colorbar_px", None)
        go.Figure(told["traces"], told["layout"])
        titles = [note["text"] for note in figure.layout["annotations"]]
        titles.append(figure.layout["xaxis"]["title"]["text"])
        assert all(re.search(r"\[[^\]]+\]", title) for title in titles), titles
        assert figure.says
        assert figure.caption


def test_every_colour_is_known_in_light_and_dark(folder):
    css = (files("mosaik_bottomup.app.report") / "page.css").read_text()
    light, dark = css.split("@media (prefers-color-scheme: dark)")[:2]
    used = {look.colour for look in style.LOOKS.values()} | {style.look("other").colour}
    for figure in figures_of(gather([folder])):
        used |= set(re.findall(r'"(--[a-z0-9-]+)"', json.dumps(figure.data())))
        used |= {key.colour for key in figure.keys}
    same_in_both = {f"--band-{number}" for number in range(5)} | {"--above-band"}

    for colour in used:
        assert f"{colour}:" in light
        assert f"{colour}:" in dark or colour in same_in_both, colour


def test_no_two_strategies_look_alike():
    names = [*style.LOOKS, "two-stage-no-rehearsal", "two-stage-proportional"]
    looks = [style.look(name) for name in names]

    assert len({(look.colour, look.dash) for look in looks}) == len(names)
    assert len({look.symbol for look in looks}) == len(names)
    assert max(names, key=lambda name: style.look(name).width) == "two-stage"


def test_the_headline_is_the_mean_of_the_runs_beside_the_papers(folder, text):
    told = json.loads((folder / "evidence.json").read_text())["runs"]
    at_80 = [run["metrics"] for run in told if run["limit_percent"] == 80]
    reduction = np.mean([metrics["peak_reduction_percent"] for metrics in at_80])
    cost = np.mean([metrics["cost_change_percent"] for metrics in at_80])

    short = plain(text[text.index('id="headline"') : text.index('id="frontier"')])

    assert f"{number(-reduction, '+.1f')} %" in short
    assert f"{number(cost, '+.2f')} %" in short
    assert "paper: up to \N{MINUS SIGN}27" in short
    assert "Its input is another one" in short


def test_the_frontier_has_a_point_for_every_limit(folder):
    (figure,) = [f for f in figures_of(gather([folder])) if f.name == "frontier"]
    line = next(trace for trace in figure.traces if trace["name"] == "two-stage")

    assert len(line["x"]) == 2
    assert line["x"] == sorted(line["x"])
    assert line["x"][1] == pytest.approx(20, abs=3)


def test_an_overloaded_point_is_drawn_open(folder):
    evidence = gather([folder])
    for run in evidence.runs:
        if run.limit_percent == 90 and run.seed == 2:
            run.metrics["overload_minutes"] = 15.0

    (figure,) = [f for f in figures_of(evidence) if f.name == "frontier"]
    line = next(trace for trace in figure.traces if trace["name"] == "two-stage")

    assert line["marker"]["symbol"] == ["circle-open", "circle"]


def test_files_alone_say_what_a_folder_says(runs, folder):
    alone, told = gather(list(runs.values())), gather([folder])

    assert alone.limits == told.limits == [90, 80]
    for one, other in zip(alone.runs, told.runs, strict=True):
        assert (one.strategy, one.seed, one.limit_percent) == (
            other.strategy,
            other.seed,
            other.limit_percent,
        )
        assert one.metrics == pytest.approx(other.metrics)


def test_the_same_runs_make_the_same_page(folder, text):
    assert pages.page(gather([folder]), [folder], folder / "report.html") == text


def test_what_others_wrote_is_shown_and_not_obeyed(text):
    assert "&lt;script&gt;alert(" in text
    assert "<script>alert(" not in text


def test_a_run_alone_shows_itself_and_says_what_is_lacking(runs):
    evidence = gather([runs["two-stage", 1, 80]])

    sections = {section.name: section for section in pages.sections(evidence)}

    for name in ("frontier", "flexibility", "customers"):
        assert sections[name].figures == ()
        assert "price-only" in sections[name].left_out
    for name in ("loading", "homes", "aggregators", "prices", "network"):
        assert sections[name].figures
    assert pages.page(evidence, [], runs["two-stage", 1, 80])


def test_an_unfinished_run_is_marked_and_counts_in_no_mean(runs, stopped):
    evidence = gather([runs["price-only", 1, None], stopped])

    page = plain(own_words(pages.page(evidence, [], stopped)))

    assert evidence.at("two-stage", None) == []
    assert "Unfinished: two-stage (unfinished: 6 of 12 steps), seed 1" in page
    assert "energy moved [kWh]" not in page


def test_kinds_of_flexibility_add_up_to_what_the_sites_did_otherwise(runs):
    run, base = (
        read(runs[key]) for key in (("two-stage", 1, 80), ("price-only", 1, None))
    )
    found = kinds(run, base)

    total_kw = sum(kind.change_kw for kind in found)
    change_kw = run.series("areas", "flexible_kw") - base.series("areas", "flexible_kw")
    np.testing.assert_allclose(total_kw, change_kw, atol=POWER_TOLERANCE_KW)
    prices = [kind.price_dkk_per_kwh for kind in found]
    known = [price for price in prices if not math.isnan(price)]
    assert known == sorted(known)
    assert prices[: len(known)] == known


def test_a_place_in_the_band_is_0_at_its_lower_and_1_at_its_upper_edge(runs):
    run = read(runs["price-only", 1, None])
    home = run.static["heat_pumps"]

    air_c = run.series("heat_pumps", "air_c")
    place = place_in_band(run)

    width_k = (home["comfort_high_c"] - home["comfort_low_c"])[:, None]
    np.testing.assert_allclose(home["comfort_low_c"][:, None] + place * width_k, air_c)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40), st.randoms())
def test_a_tree_is_laid_out_by_the_length_of_its_branches(choices, random):
    parents = [choice % (bus + 1) for bus, choice in enumerate(choices)]
    length_m = np.array([random.uniform(1, 90) for _ in parents])
    ends = np.array([[parent, bus + 1] for bus, parent in enumerate(parents)])
    ends[::2] = ends[::2, ::-1]  # a line may be named from either end

    distance_m, height = radial.place(0, ends[:, 0], ends[:, 1], length_m)

    assert distance_m[0] == 0
    for bus, parent in enumerate(parents):
        assert distance_m[bus + 1] == pytest.approx(distance_m[parent] + length_m[bus])
    tips = [bus for bus in range(len(parents) + 1) if bus not in parents]
    assert sorted(height[tip] for tip in tips) == list(range(len(tips)))
    assert set(height) == set(distance_m) == set(range(len(parents) + 1))


def test_a_line_that_closes_a_loop_does_not_break_the_tree():
    distance_m, _ = radial.place(
        0, np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([10.0, 10.0, 50.0])
    )

    assert distance_m == {0: 0.0, 1: 10.0, 2: 50.0}


@pytest.mark.parametrize(
    ("figure", "form", "said"),
    [
        (-1.25, "+.1f", "\N{MINUS SIGN}1.2"),
        (0.001, "+.2f", "0.00"),
        (-0.001, ".1f", "0.0"),
        (3, "+.0f", "+3"),
    ],
)
def test_numbers_have_a_true_minus_and_nothing_has_no_sign(figure, form, said):
    assert number(figure, form) == said


def test_the_command_writes_the_page_and_nothing_else(folder, tmp_path):
    out = tmp_path / "new" / "page.html"

    result = report(folder, "--out", out)

    assert result.exit_code == 0, result.output
    assert [file.name for file in out.parent.iterdir()] == ["page.html"]
    assert f"--out {out}" in out.read_text()


def test_a_page_is_replaced_only_if_told_so(runs, tmp_path):
    out = tmp_path / "page.html"
    out.write_text("mine")

    refused = report(runs["price-only", 1, None], "--out", out)
    kept = out.read_text()
    forced = report(runs["price-only", 1, None], "--out", out, "--force")

    assert refused.exit_code == 2
    assert "--force overwrites it" in refused.stderr
    assert kept == "mine"
    assert forced.exit_code == 0
    assert out.read_text() != "mine"


def test_a_failure_half_way_leaves_the_old_page(runs, tmp_path, monkeypatch):
    out = tmp_path / "page.html"
    out.write_text("mine")
    monkeypatch.setattr(
        pages.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("full"))
    )

    result = report(runs["price-only", 1, None], "--out", out, "--force")

    assert result.exit_code == 1
    assert "full" in result.stderr
    assert out.read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_all_that_cannot_be_shown_is_refused_at_once(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.h5").write_text("no results")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "evidence.json").write_text("{")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "evidence.json").write_text('{"format": 0}')
    (tmp_path / "gone").mkdir()
    entry = {"strategy": "x", "seed": 1, "limit_percent": None, "metrics": {}}
    told = {"format": 1, "command": "", "failures": []}
    told["runs"] = [entry | {"file": "gone.h5"}, entry]
    (tmp_path / "gone" / "evidence.json").write_text(json.dumps(told))
    names = ("empty", "text.h5", "broken", "old", "gone", "nothing")
    out = tmp_path / "page.html"

    result = report(*(tmp_path / name for name in names), "--out", out)

    assert result.exit_code == 2
    assert not out.exists()
    for words in (
        "has no evidence.json",
        "must be a results file",
        "must be what compare writes",
        "must be of format 1",
        "gone.h5: there is no such file",
        "'file' is missing",
        "nothing: there is no such file or folder",
    ):
        assert words in result.stderr, words


def test_runs_of_different_scenarios_do_not_share_a_page(runs, tmp_path):
    other = make(tmp_path / "other.h5", "sites.heat_pumps=4", "pv.tilt_deg=20")

    with pytest.raises(InputError, match=r"pv\.tilt_deg, sites\.heat_pumps differ"):
        gather([runs["price-only", 1, None], other])


def test_a_run_counts_once(runs, tmp_path):
    one = runs["two-stage", 1, 80]
    copy = tmp_path / "copy.h5"
    copy.write_bytes(one.read_bytes())

    assert len(gather([one, one]).runs) == 1
    with pytest.raises(InputError, match="same strategy, seed and limit"):
        gather([one, copy])


def test_runs_that_two_folders_have_count_once(folder, tmp_path):
    told = json.loads((folder / "evidence.json").read_text())
    for entry in told["runs"]:
        entry["file"] = os.path.relpath(folder / entry["file"], tmp_path)
    (tmp_path / "evidence.json").write_text(json.dumps(told))

    both, one = gather([folder, tmp_path]), gather([folder])

    assert [run.label for run in both.runs] == [run.label for run in one.runs]
    assert len(both.commands) == 2


def test_a_folder_that_cannot_be_made_is_refused(runs, tmp_path):
    (tmp_path / "file").write_text("in the way")

    out = tmp_path / "file" / "page.html"
    result = report(runs["price-only", 1, None], "--out", out)

    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_an_output_in_the_place_of_a_folder_is_refused(runs, tmp_path):
    result = report(runs["price-only", 1, None], "--out", tmp_path)

    assert result.exit_code == 2
    assert "is a folder" in result.stderr


def test_the_page_tells_how_to_make_it_again(folder, text, runs):
    again = plain(text[text.index('id="provenance"') :])
    shown = str(read(runs["two-stage", 1, 80]).attrs["scenario"])

    assert "mosaik-bottomup frontier --limits 90,80 --seeds 1-2" in again
    assert f"mosaik-bottomup report {folder}" in again
    assert "regression on Danish" in again
    assert "numpy" in again
    kept = re.search(r'aria-label="Scenario">(.*?)</pre>', text, re.S)[1]
    assert tomllib.loads(kept.replace("&#34;", '"')) == tomllib.loads(shown)


def test_price_only_stands_under_no_limit_it_never_knew(folder, text):
    table = text[text.index('id="table-comparison-network"') :]
    table = plain(table[: table.index("</table>")])

    no_limit = table.index("Without a limit")
    at_90, at_80 = (table.index(f"Limit at {limit} %") for limit in (90, 80))

    assert no_limit < table.index("price-only", no_limit) < at_90 < at_80
    assert "price-only " not in table[at_90:].replace("price-only peaks", "").replace(
        "price-only run", ""
    )


def test_the_gap_to_the_optimum_has_a_panel_of_its_own_where_it_is_known(folder):
    evidence = gather([folder])
    (without,) = [f for f in figures_of(evidence) if f.name == "frontier"]
    for run in evidence.runs:
        run.metrics["cost_gap_to_optimum_percent"] = 0.25

    (figure,) = [f for f in figures_of(evidence) if f.name == "frontier"]
    (gaps,) = [trace for trace in figure.traces if trace.get("yaxis") == "y2"]

    assert "yaxis2" not in without.layout
    assert gaps["y"] == [0.25, 0.25]
    assert gaps["x"] == sorted(gaps["x"])


def test_the_curve_of_customers_crosses_zero_where_the_metric_says(folder):
    evidence = gather([folder])
    (figure,) = [f for f in figures_of(evidence) if f.name == "customers"]
    (line,) = figure.traces
    worse = [
        run.metrics["customers_worse_off_percent"]
        for run in evidence.at("two-stage", 80)
    ]

    not_worse = np.mean(np.array(line["x"]) <= 0.01) * 100

    assert len(line["x"]) == 2 * 11
    assert line["y"][-1] == 100
    assert not_worse == pytest.approx(100 - np.mean(worse))


def test_lines_stand_for_the_series_of_the_file_to_the_end_of_the_last_step(folder):
    evidence = gather([folder])
    figures = {figure.name: figure for figure in figures_of(evidence)}
    run = evidence.main.results
    loading = run.series("transformers", "loading")
    beside_kw = run.series("aggregators", "delivered_kw") - run.series(
        "aggregators", "schedule_kw"
    )

    of_area_b = next(
        trace
        for trace in figures["loading"].traces
        if (trace["name"], trace["yaxis"]) == ("two-stage", "y2")
    )
    of_first = next(
        trace
        for trace in figures["aggregators"].traces
        if (trace["name"], trace["yaxis"]) == ("delivered", "y2")
    )

    np.testing.assert_allclose(of_area_b["y"][:-1], loading[1], atol=1e-4)
    assert of_area_b["y"][-1] == of_area_b["y"][-2]
    assert of_area_b["x"][0] == "2016-01-04T00:00:00"
    assert of_area_b["x"][-1] == "2016-01-04T03:00:00"
    np.testing.assert_allclose(of_first["y"][:-1], beside_kw[0], atol=1e-4)


def test_the_tree_shows_every_bus_and_line_once_with_its_worst_step(folder):
    evidence = gather([folder])
    run = evidence.main.results
    figure = next(f for f in figures_of(evidence) if f.name == "network-B")
    own = [trace for trace in figure.traces if trace["yaxis"] == "y2"]
    buses = next(trace for trace in own if trace["mode"] == "markers")
    lines = [trace for trace in own if trace["mode"] == "lines"]

    in_b = run.static["buses"]["area"] == 1
    names = [
        name for name, here in zip(run.entities["buses"], in_b, strict=True) if here
    ]
    assert sorted(buses["text"]) == sorted(names)
    assert (
        sum(trace["x"].count(None) for trace in lines)
        == (run.static["lines"]["area"] == 1).sum()
    )
    # far from both edges, the upper one is the nearer on this winter night
    highest = run.series("buses", "voltage").max(1)[in_b]
    assert sorted(buses["marker"]["color"]) == pytest.approx(sorted(highest), abs=1e-4)


def test_what_a_kind_moved_counts_the_way_it_did_more(runs):
    run, base = (
        read(runs[key]) for key in (("two-stage", 1, 80), ("price-only", 1, None))
    )

    for one, other in ((run, base), (base, run)):
        for kind in kinds(one, other):
            up_kwh = kind.change_kw.clip(min=0).sum() * run.step_h
            down_kwh = -kind.change_kw.clip(max=0).sum() * run.step_h
            assert kind.moved_kwh == pytest.approx(max(up_kwh, down_kwh))


def test_pictures_of_one_day_show_the_limit_nearest_to_the_papers(folder):
    evidence = gather([folder])
    limits = {90: 75, 80: 50, None: None}
    shifted = [
        dataclasses.replace(run, limit_percent=limits[run.limit_percent])
        for run in evidence.runs
    ]

    evidence = dataclasses.replace(evidence, runs=tuple(shifted))

    assert evidence.shown_limit == 75
    assert evidence.main.strategy == "two-stage"
    assert evidence.main.limit_percent == 75
    assert evidence.main.seed == 1


def test_what_the_papers_price_buys_is_the_tightest_limit_without_overload(folder):
    evidence = gather([folder])
    for run in evidence.runs:
        run.metrics.update(overload_minutes=0.0, cost_change_percent=1.0)

    before = headline(evidence)[2].value
    for run in evidence.runs:
        if run.limit_percent == 80:
            run.metrics["overload_minutes"] = 15.0
    after = headline(evidence)[2].value
    for run in evidence.runs:
        run.metrics["cost_change_percent"] = 5.0
    too_dear = [card.what for card in headline(evidence)]

    assert before.startswith("\N{MINUS SIGN}2")
    assert after.startswith("\N{MINUS SIGN}1")
    assert not any("tightest" in what for what in too_dear)


def test_what_is_said_to_be_real_is_what_the_scenario_left_as_it_is(tmp_path):
    real = read(make(tmp_path / "real.h5", strategy="price-only"))
    changed = read(
        make(
            tmp_path / "changed.h5",
            "weather.offset_k=-5",
            "prices.residual_seed=0",
            "tariff.tax_dkk_per_kwh=0.9",
            strategy="price-only",
        )
    )

    first, other = " ".join(synthetic(real)), " ".join(synthetic(changed))

    assert "Weather is real" in first
    assert "residuals of the same statistics" in first
    assert "tariffs (N1, 2024) and taxes are real" in first
    assert "shifted by \N{MINUS SIGN}5 K" in other
    assert "without residuals" in other
    assert "taxes are the scenario's own" in other
    assert "are real." not in other.partition("Loads of homes")[0]
