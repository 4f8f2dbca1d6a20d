"""The picture of a frontier shows every variant, and says what it cannot show."""

import re

import pytest

from mosaik_bottomup.app.evidence.bootstrap import Interval
from mosaik_bottomup.app.evidence.picture import write_picture


def point(reduction, cost, overload=0.0):
    return {
        "peak_reduction_percent": Interval(reduction, reduction, reduction),
        "cost_change_percent": Interval(cost, cost - 0.1, cost + 0.1),
        "overload_minutes": Interval(overload, overload, overload),
    }


FOUND = {
    90.0: {
        "price-only": point(0, 0),
        "two-stage": point(10, 0.1),
        "packet": point(9, 9.0),
        "static-cap": point(1, 0.0, 45.0),
    },
    80.0: {"two-stage": point(20, 0.5), "packet": point(18, 9.5), "optimum": {}},
}
VARIANTS = ["price-only", "two-stage", "packet", "static-cap", "optimum"]


@pytest.fixture
def svg(tmp_path):
    write_picture(tmp_path / "frontier.svg", FOUND, VARIANTS)
    return (tmp_path / "frontier.svg").read_text()


def test_it_names_axes_with_units_and_every_variant_that_has_a_point(svg):
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)

    assert any("[%]" in text and "peak loading" in text for text in texts)
    assert any("[%]" in text and "cost" in text for text in texts)
    assert {"two-stage", "static-cap"} <= set(texts)
    assert "optimum" not in texts
    assert "price-only" not in texts  # it is the axes


def test_what_is_too_dear_to_show_is_named_with_what_it_costs(svg):
    assert "packet (beyond the picture: +9.0 % and more)" in svg


def test_the_same_evidence_makes_the_same_file(svg, tmp_path):
    write_picture(tmp_path / "again.svg", FOUND, VARIANTS)

    assert (tmp_path / "again.svg").read_text() == svg
    assert "<dc:date>" not in svg


def test_an_overloaded_point_is_hollow(tmp_path):
    kept = {90.0: {"static-cap": point(1, 0.0)}}
    over = {90.0: {"static-cap": point(1, 0.0, 15.0)}}

    write_picture(tmp_path / "kept.svg", kept, ["static-cap"])
    write_picture(tmp_path / "over.svg", over, ["static-cap"])

    files = [(tmp_path / f"{name}.svg").read_text() for name in ("kept", "over")]
    white = [text.count("fill: #ffffff; stroke: #d55e00") for text in files]
    assert white == [0, 1]


def test_an_ending_chooses_the_format(tmp_path):
    write_picture(tmp_path / "frontier.png", FOUND, VARIANTS)

    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")
