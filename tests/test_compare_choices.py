"""Words of the options: what they choose, and every fault in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_bottomup.app.evidence.choices import limits_in, names_in, seeds_in
from mosaik_bottomup.app.evidence.variants import VARIANTS, unknown_names


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("1", (1,)),
        ("0", (0,)),
        ("1-3", (1, 2, 3)),
        ("4-4", (4,)),
        ("1, 3, 7-9", (1, 3, 7, 8, 9)),
        ("3,1-3,2", (3, 1, 2)),
        ("1 - 2", (1, 2)),
    ],
)
def test_seeds_are_single_ones_and_ranges_each_once(text, seeds):
    assert seeds_in(text) == (seeds, [])


@pytest.mark.parametrize(
    "text",
    ["", "1-", "-1", "a", "1,", "3-1", "1.5", "1-2-3", "²", "1-5000", str(2**63)],
)
def test_what_is_no_seed_is_refused(text):
    _, problems = seeds_in(text)

    assert [problem.source for problem in problems] == ["--seeds"]


def test_every_fault_in_the_seeds_is_told():
    seeds, problems = seeds_in("1-,a,2,9-8")

    assert seeds == (2,)
    assert [problem.value for problem in problems] == ["1-", "a", "9-8"]


def test_limits_are_sorted_from_the_widest_each_once():
    assert limits_in("50, 100,72.5,50") == ((100.0, 72.5, 50.0), [])


@pytest.mark.parametrize("text", ["", "0", "-5", "201", "nan", "inf", "x", "90;80"])
def test_limits_out_of_range_are_refused(text):
    _, problems = limits_in(text)

    assert [problem.source for problem in problems] == ["--limits"]


@given(st.text())
def test_no_text_is_too_strange_to_be_read_or_refused(text):
    seeds, seed_problems = seeds_in(text)
    limits, limit_problems = limits_in(text)

    assert seeds or seed_problems
    assert limits or limit_problems


def test_the_nearest_known_name_is_offered():
    (problem,) = unknown_names(names_in("two-stage,price_only"))

    assert problem.value == "price_only"
    assert "did you mean 'price-only'" in problem.remedy


def test_a_name_like_no_other_is_answered_with_all_of_them():
    (problem,) = unknown_names(["xyz"])

    assert all(name in problem.remedy for name in VARIANTS)
