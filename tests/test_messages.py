"""Messages survive JSON, and name nothing that is a home's own affair."""

import ast
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mosaik_bottomup.coordination
from mosaik_bottomup import messages
from mosaik_bottomup.messages import (
    Activation,
    AreaOffer,
    BidBook,
    CongestionPrices,
    Dispatch,
    Envelope,
    Message,
    Moment,
    StoreOffer,
    StoreReport,
)

SITES, OPTIONS, AREAS, STEPS = 5, 4, 2, 3
PRIVATE = (
    "temperature",
    "_c",
    "comfort",
    "air",
    "floor",
    "cop",
    "ua",
    "kwh_per_k",
    "pv_kwp",
    "house",
    "battery",
    "state",
    "home",
)
KINDS = (
    Activation,
    BidBook,
    StoreReport,
    AreaOffer,
    StoreOffer,
    Envelope,
    CongestionPrices,
    Dispatch,
)

seeds = st.integers(0, 2**32 - 1)
law = settings(deadline=None, max_examples=30)


def draw_store(rng, moment):
    per_area, per_step = (AREAS,), (AREAS, STEPS)
    values = {f.name: rng.normal(size=per_step) for f in fields(StoreReport)}
    for name in ("stored_kwh", "keep", "discharge_loss", "discharge_max_kw"):
        values[name] = rng.normal(size=per_area)
    values["capacity_kwh"] = rng.normal(size=(AREAS, STEPS + 1))
    values |= {"kind": "heat_pumps", "reactive_kvar": rng.normal(size=per_area)}
    return StoreReport(**values | {"wear_dkk_per_kwh": 0.25, "moment": moment})


def draw_activated(rng):
    """Return a power of a portfolio and of its areas, or nothing."""
    if rng.random() < 0.5:
        return None, None
    return float(rng.normal()), rng.normal(size=AREAS)


def draw_messages(seed):
    """Return one message of every kind."""
    rng = np.random.default_rng(seed)
    rehearsal = None if rng.random() < 0.5 else int(rng.integers(9))
    made_at = None if rehearsal is None else int(rng.integers(999))
    step, last = int(rng.integers(999)), bool(rng.random() < 0.5)
    moment = Moment(step, rehearsal, last, made_at)
    many = rng.integers(0, 3, AREAS)
    target = None if rng.random() < 0.5 else float(rng.normal())
    commit = None if rng.random() < 0.5 else 2
    store = draw_store(rng, moment)
    return [
        BidBook(
            rng.integers(0, AREAS, SITES),
            np.sort(rng.normal(size=(SITES, OPTIONS)), axis=1),
            rng.normal(size=(SITES, OPTIONS)),
            rng.random((SITES, OPTIONS - 1)) < 0.5,
            rng.normal(size=SITES),
            moment,
        ),
        store,
        AreaOffer(
            rng.normal(size=AREAS),
            rng.normal(size=AREAS),
            [rng.normal(size=m) for m in many],
            [rng.random(m) for m in many],
            target,
            rng.normal(size=AREAS),
            moment,
            *draw_activated(rng),
        ),
        StoreOffer([store, draw_store(rng, moment)], rng.normal(size=AREAS), moment),
        Envelope(
            rng.normal(size=AREAS),
            rng.normal(size=AREAS),
            True,
            commit,
            moment,
            None,
            *draw_activated(rng),
        ),
        Activation(
            "mFRR-1",
            "mFRR",
            None if rng.random() < 0.5 else int(rng.integers(AREAS)),
            float(rng.normal()),
            3,
            float(rng.random()),
            7,
        ),
        CongestionPrices(rng.normal(size=(AREAS, STEPS)), moment),
        Dispatch(rng.normal(size=SITES), False, commit, moment),
    ]


def assert_same(before, after):
    assert type(after) is type(before)
    if isinstance(before, np.ndarray):
        assert after.dtype == before.dtype
        assert after.shape == before.shape
        assert np.array_equal(after, before, equal_nan=before.dtype.kind == "f")
    elif isinstance(before, list):
        for one, other in zip(before, after, strict=True):
            assert_same(one, other)
    elif isinstance(before, Message):
        for field in fields(before):
            assert_same(getattr(before, field.name), getattr(after, field.name))
    else:
        assert after == before


def through_a_socket(message):
    """Do what mosaik does with a value between processes: plain JSON."""
    return type(message).from_json(json.loads(json.dumps(message.to_json())))


def keys(data):
    if isinstance(data, dict):
        return set(data) | {k for value in data.values() for k in keys(value)}
    if isinstance(data, list):
        return {k for value in data for k in keys(value)}
    return set()


@law
@given(seeds)
def test_every_message_comes_out_of_json_as_it_went_in(seed):
    for message in draw_messages(seed):
        assert_same(message, through_a_socket(message))


def test_every_kind_of_message_is_tested():
    found = {
        it
        for it in vars(messages).values()
        if isinstance(it, type) and issubclass(it, Message) and it is not Message
    }

    assert found == set(KINDS) == {type(it) for it in draw_messages(0)}


def test_infinite_limits_come_through():
    unbound = np.array([np.inf, -np.inf])

    message = Envelope(-unbound, unbound, False, None, Moment(0))

    assert_same(message, through_a_socket(message))


@pytest.mark.parametrize("options", [1, 2])
def test_sites_with_one_option_or_none_to_choose_come_through(options):
    book = BidBook(
        np.zeros(3, np.int64),
        np.zeros((3, options)),
        np.zeros((3, options)),
        np.ones((3, options - 1), np.bool_),
        np.zeros(3),
        Moment(1),
    )

    assert_same(book, through_a_socket(book))


def test_an_area_without_segments_comes_through():
    nothing = [np.empty(0)] * AREAS
    zero = np.zeros(AREAS)

    offer = AreaOffer(zero, zero, nothing, nothing, None, zero, Moment(0, 1, True))

    assert_same(offer, through_a_socket(offer))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -5.0])
@pytest.mark.parametrize("field", ["power", "cost"])
def test_bids_that_are_no_numbers_or_out_of_order_are_refused(bad, field):
    values = {"power": np.array([[0.0, 1.0]]), "cost": np.array([[0.0, 1.0]])}
    values[field][0, 1] = bad
    if (field, bad) == ("cost", -5.0):
        return  # nothing is wrong with earning

    with pytest.raises(ValueError, match="finite and sorted"):
        BidBook(
            np.zeros(1, np.int64),
            values["power"],
            values["cost"],
            np.ones((1, 1), np.bool_),
            np.zeros(1),
            Moment(0),
        )


# --- G7: private --------------------------------------------------------------------


def test_no_field_of_a_message_is_named_after_a_homes_inside():
    for kind in KINDS:
        for field in fields(kind):
            words = field.name.split("_")
            for private in PRIVATE:
                assert private.strip("_") not in words, (kind.__name__, field.name)


def test_neither_is_any_key_of_its_json():
    for message in draw_messages(1):
        for key in keys(message.to_json()):
            assert not {word.strip("_") for word in PRIVATE} & set(key.split("_")), key


def test_what_a_site_says_is_power_and_cost_alone():
    per_site = {"area", "power_kw", "cost_dkk", "divisible", "reactive_kvar"}

    assert {field.name for field in fields(BidBook)} == per_site | {"moment"}


def test_the_dso_hears_nothing_of_the_length_of_a_fleet():
    many = [it for it in draw_messages(2) if isinstance(it, AreaOffer | StoreOffer)]

    for message in many:
        for name, value in message.to_json().items():
            of_all = ("stores", "moment", "target_kw", "activation_kw")
            if name not in of_all and value is not None:
                assert len(value) == AREAS, name
        for store in message.to_json().get("stores", []):
            for name, value in store.items():
                if name not in ("kind", "wear_dkk_per_kwh", "moment"):
                    assert len(value) == AREAS, name


def test_the_coordination_never_imports_devices():
    folder = Path(mosaik_bottomup.coordination.__file__).parent
    modules = list(folder.glob("*.py"))

    imported = {name for path in modules for name in imports_of(path)}

    assert len(modules) > 5
    ours = {name for name in imported if name.startswith("mosaik_bottomup.")}
    known = ("coordination", "messages", "errors", "arrays", "calendar", "bids")
    assert {name.split(".")[1] for name in ours} == set(known)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
