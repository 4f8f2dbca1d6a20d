"""The certificate: a quiet run passes, and each fault fails its own line only."""

import json

import numpy as np
import pytest

from mosaik_bottomup.certificate import CHECKS, certify
from mosaik_bottomup.results import read

NAMES = [
    "security_transformers",
    "security_congestion_points",
    "security_voltage",
    "security_lines",
    "qos_comfort",
    "qos_lock_outs",
    "qos_state_of_charge",
    "obedience_sites",
    "obedience_aggregators",
    "books_energy",
    "books_messages",
]


def at(row: int, step: int, value: float, else_: float) -> list[list[float]]:
    """Return a series of two entities and four steps with one value of its own."""
    series = [[else_] * 4, [else_] * 4]
    series[row][step] = value
    return series


def test_a_quiet_run_passes_every_check(small_run):
    certificate = certify(small_run())

    assert list(certificate) == list(CHECKS) == NAMES
    assert all(line["pass"] is True for line in certificate.values())
    assert json.loads(json.dumps(certificate, allow_nan=False)) == certificate


def test_what_is_within_its_bounds_is_nothing_outside_them(small_run):
    assert certify(small_run())["qos_state_of_charge"]["figure"] == 0.0


def test_a_path_and_what_was_read_from_it_give_the_same(small_run):
    path = small_run()

    assert certify(path) == certify(str(path)) == certify(read(path))


@pytest.mark.parametrize(
    ("fault", "line", "figure", "words"),
    [
        # Local time is one hour ahead of UTC: step 2 of 23:00 UTC is at 00:30.
        (
            {"transformers/loading": at(0, 2, 100.5, 50.0)},
            "security_transformers",
            100.5,
            "100.50 % in A, 2016-01-04 00:30 (limit 100.00 %)",
        ),
        (
            {"transformers/loading": [[90.0] * 4, [79.0, 79.0, 80.1, 79.0]]},
            "security_transformers",
            80.1,
            "80.10 % in B, 2016-01-04 00:30 (limit 80.00 %)",
        ),
        (
            {"congestion_points/loading": [[60.0, 60.0, 101.0, 60.0]]},
            "security_congestion_points",
            101.0,
            "101.00 % in north, 2016-01-04 00:30 (limit 100 %)",
        ),
        ({"buses/voltage": at(1, 0, 0.89, 1.0)}, "security_voltage", 0.89, "B-Bus"),
        ({"buses/voltage": at(0, 3, 1.11, 1.0)}, "security_voltage", 1.11, "A-Bus"),
        ({"lines/loading": at(1, 1, 100.1, 9.0)}, "security_lines", 100.1, "B-Line"),
        (
            {"heat_pumps/air_c": at(0, 1, 19.0, 21.0)},
            "qos_comfort",
            0.25,
            "1.0000 K in HP-A, 2016-01-04 00:15",
        ),
        ({"heat_pumps/locked_breach": at(1, 1, 1, 0)}, "qos_lock_outs", 1, "HP-B"),
        (
            {"pv_batteries/energy_kwh": at(0, 3, 0.5, 5.0)},
            "qos_state_of_charge",
            0.5,
            "PV-A, 2016-01-04 00:45",
        ),
        (
            {"pv_batteries/energy_kwh": at(1, 0, 9.75, 5.0)},
            "qos_state_of_charge",
            0.25,
            "PV-B, 2016-01-04 00:00",
        ),
        (
            {"heat_pumps/setpoint_kw": at(0, 1, 3.5, 2.0)},
            "obedience_sites",
            0.5,
            "HP-A",
        ),
        (
            {"pv_batteries/setpoint_kw": at(1, 1, -3.25, 1.0)},
            "obedience_sites",
            0.25,
            "PV-B",
        ),
        (
            {"heat_pumps/off_offer_kw": at(1, 2, 0.75, 0.0)},
            "obedience_sites",
            0.75,
            "HP-B",
        ),
        (
            {"portfolios/dispatched_kw": at(0, 0, 6.5, 3.0)},
            "obedience_aggregators",
            0.5,
            "X A, 2016-01-04 00:00",
        ),
        (
            {"portfolios/dispatched_kw": at(1, 0, -1.0, 3.0)},
            "obedience_aggregators",
            1.0,
            "X B",
        ),
        (
            {"transformers/power_kw": at(1, 3, 4.51, 4.1)},
            "books_energy",
            0.41 / 4.1,
            "B, 2016-01-04 00:45",
        ),
        (
            {"messages/sent": [[2, 2, 2, 2]], "messages/answered": [[2, 1, 2, 2]]},
            "books_messages",
            1,
            "fleets-aggregators, 2016-01-04 00:15",
        ),
    ],
)
def test_a_fault_fails_its_own_line_only(small_run, fault, line, figure, words):
    certificate = certify(small_run(fault))

    failed = [name for name, each in certificate.items() if not each["pass"]]
    assert failed == [line]
    assert certificate[line]["figure"] == pytest.approx(figure, rel=1e-6)
    assert words in certificate[line]["text"]


@pytest.mark.parametrize(
    "near",
    [
        {"transformers/loading": [[100.0] * 4, [80.0] * 4]},
        {"lines/loading": 100.0},
        {"buses/voltage": [[0.9] * 4, [1.1] * 4]},
        {"heat_pumps/air_c": [[20.0] * 4, [22.0] * 4], "heat_pumps/on": 1},
        {"pv_batteries/energy_kwh": [[1.0] * 4, [9.5] * 4]},
        {"heat_pumps/setpoint_kw": 3.0 + 5e-7},
        {"portfolios/dispatched_kw": [[0.0] * 4, [6.0 + 5e-7] * 4]},
        {"transformers/power_kw": 4.1 * (1 + 9e-7)},
    ],
)
def test_exactly_at_a_limit_passes(small_run, near):
    assert all(line["pass"] for line in certify(small_run(near)).values())


def test_import_that_cancels_export_is_balanced_relative_to_both(small_run):
    # 4 kW in, 4 kW out, 0.1 kW lost: a gap of 8e-6 kW is 1e-6 of what flows.
    powers = {
        "heat_pumps/power_kw": 4.0,
        "pv_batteries/power_kw": -4.0,
        "pv_batteries/setpoint_kw": -3.0,
        "households/power_kw": 0.0,
    }

    near = certify(small_run(powers | {"transformers/power_kw": 0.1 + 8e-6}))
    far = certify(
        small_run(powers | {"transformers/power_kw": 0.1 + 9e-6}, overwrite=True)
    )

    assert near["books_energy"]["pass"]
    assert not far["books_energy"]["pass"]


def test_must_run_that_does_not_fit_is_said(small_run):
    line = certify(
        small_run(
            {
                "areas/forecast_overload_kw": at(1, 2, 3.5, 0.0),
                "transformers/loading": at(1, 2, 83.0, 50.0),
            }
        )
    )["security_transformers"]

    assert not line["pass"]
    assert (
        "no choice fitted in 1 steps: least possible overload up to 3.50 kW on "
        "forecast, B, 2016-01-04 00:30"
    ) in line["text"]


def test_without_envelopes_there_is_none_to_leave(small_run):
    line = certify(
        small_run(
            {
                "portfolios/envelope_low_kw": np.nan,
                "portfolios/envelope_high_kw": np.nan,
                "areas/forecast_overload_kw": np.nan,
            }
        )
    )["obedience_aggregators"]

    assert line == {"pass": True, "figure": 0.0, "text": "no envelopes were granted"}


def test_a_step_without_envelope_does_not_hide_the_others(small_run):
    line = certify(
        small_run(
            {
                "portfolios/envelope_low_kw": at(0, 0, np.nan, 0.0),
                "portfolios/envelope_high_kw": at(0, 0, np.nan, 6.0),
                "portfolios/dispatched_kw": at(1, 1, 7.0, 3.0),
            }
        )
    )["obedience_aggregators"]

    assert not line["pass"]
    assert line["figure"] == 1.0


def test_an_envelope_may_have_one_side_only(small_run):
    line = certify(
        small_run(
            {
                "portfolios/envelope_low_kw": at(0, 0, np.nan, 0.0),
                "portfolios/envelope_high_kw": np.nan,
                "portfolios/dispatched_kw": at(1, 1, -2.0, 30.0),
            }
        )
    )["obedience_aggregators"]

    assert not line["pass"]
    assert line["figure"] == 2.0


def test_a_run_without_sites_is_certified(small_run):
    certificate = certify(
        small_run(
            {"transformers/power_kw": 1.1},
            without=(
                "heat_pumps",
                "pv_batteries",
                "aggregators",
                "portfolios",
                "lines",
                "messages",
            ),
        )
    )

    assert all(line["pass"] for line in certificate.values())


def test_a_run_without_a_step_has_no_certificate(small_writer):
    small = small_writer()
    small.close()

    with pytest.raises(ValueError, match="nothing to check"):
        certify(small.path)


@pytest.mark.parametrize(("air_c", "passed"), [(19.7, True), (19.5, False)])
def test_homes_that_know_themselves_wrong_may_leave_their_band_a_little(
    small_run, small_attrs, air_c, passed
):
    attrs = small_attrs | {"parameter_error_percent": 10.0}
    series = {"heat_pumps/air_c": at(0, 1, air_c, 21.0)}

    line = certify(small_run(series, attrs=attrs))["qos_comfort"]

    assert line["pass"] is passed
    assert line["figure"] == pytest.approx((20.0 - air_c) / 4)
    assert "0.1 allowed" in line["text"]


def test_what_is_allowed_is_a_days_of_each_home(small_run, small_attrs):
    attrs = small_attrs | {"parameter_error_percent": 10.0}
    series = {"heat_pumps/air_c": np.full((2, 192), 21.0)}
    series["heat_pumps/air_c"][0, :6] = 19.9

    line = certify(small_run(series, steps=192, attrs=attrs))["qos_comfort"]

    assert line["pass"]
    assert "the worst is 0.0750 K h a day" in line["text"]
