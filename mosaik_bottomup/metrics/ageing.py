"""How hot the transformers' windings become, and how much of their life that costs.

The thermal model is that of IEC 60076-7:2018 for distribution transformers cooled by
oil and air without fans (ONAN), as the package transformer-thermal-model has it, with
that package's characteristics: top oil 60 K above the air at rated load, hot spot
1.2 · 23 K above the oil, another 10 K because the transformer stands in an enclosure,
time constants of 180 min (oil) and 4 min (winding). That is a transformer at the edge
of what it may be, so ageing is rather over- than underestimated: at rated load and
20 °C its hot spot settles at 117.6 °C, where it ages 9.6 times as fast as normal. One
that settles at 98 °C, outdoors, uses a sixth to an eighth of that life on the default
day; what coordination saves of it is then about a quarter instead of a third.

The insulation is normal paper (not thermally upgraded): it ages at its normal rate at
98 °C, and twice as fast with each 6 K more (IEC 60076-7, relative ageing rate).
"""

import math

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.results import Results

LOSS_RATIO = 4.0
"""Losses under rated load over those without load, less 1: copper over iron losses.
SimBench's 0.4 and 0.63 MVA types, scaled to their rating, have 3.75 and 4.0."""
SHORTEST_TIME_CONSTANT_MIN = 4.0
"""Of the winding. IEC 60076-7, difference equations: no time step above half of it."""
SECONDS_PER_MINUTE = 60.0
HOURS_PER_DAY = 24.0
PERCENT = 100.0


def hot_spot_c(
    loading_percent: FloatArray, ambient_c: FloatArray, step_s: int
) -> tuple[FloatArray, int]:
    """Return the hot-spot temperature of one transformer, from its start on.

    It starts in the steady state of its first step: a day is no cold start. Within a
    step load and air are constant; the temperature is computed in parts of it.

    Parameters
    ----------
    loading_percent
        Current over rated current, shape (time,).
    ambient_c
        Temperature of the air outside, shape (time,).
    step_s
        Length of a step.

    Returns
    -------
    hot_spot_c, part_s
        Temperatures at the start and at the end of each part, shape
        (time · parts + 1,), and how long a part is.
    """
    # Here, since whoever only wants other figures need not load it.
    from transformer_thermal_model.model import (  # type: ignore[import-untyped]
        Model,
    )
    from transformer_thermal_model.schemas import (  # type: ignore[import-untyped]
        InputProfile,
        UserTransformerSpecifications,
    )
    from transformer_thermal_model.schemas.thermal_model.initial_state import (  # type: ignore[import-untyped]
        InitialLoad,
    )
    from transformer_thermal_model.transformer import (  # type: ignore[import-untyped]
        DistributionTransformer,
    )

    part_s = _part_s(step_s)
    parts = step_s // part_s
    # The model takes a value to hold from the point before to its own.
    load = np.repeat(loading_percent / PERCENT, parts)
    air_c = np.repeat(ambient_c, parts)
    offset_s = part_s * np.arange(len(load) + 1)
    outcome = Model(
        temperature_profile=InputProfile(
            datetime_index=offset_s.astype("datetime64[s]"),
            load_profile=np.concatenate([load[:1], load]),
            ambient_temperature_profile=np.concatenate([air_c[:1], air_c]),
        ),
        transformer=DistributionTransformer(
            user_specs=UserTransformerSpecifications(
                load_loss=LOSS_RATIO, no_load_loss=1.0, nom_load_sec_side=1.0
            )
        ),
        initial_condition=InitialLoad(initial_load=float(load[0])),
    ).run()
    return outcome.hot_spot_temp_profile.to_numpy(dtype=np.float64), part_s


def _part_s(step_s: int) -> int:
    """Return the longest part of a step that is short enough, in whole seconds.

    The package drops fractions of a second.
    """
    longest_s = SHORTEST_TIME_CONSTANT_MIN * SECONDS_PER_MINUTE / 2.0
    least = math.ceil(step_s / longest_s)
    return next(step_s // n for n in range(least, step_s + 1) if step_s % n == 0)


def life_used_h(temperature_c: FloatArray, part_s: int) -> float:
    """Return the hours of normal life used up: ``∫ 2^((θ − 98)/6) dt``.

    IEC 60076-7:2018, loss of life with normal paper, by the package's function.

    Parameters
    ----------
    temperature_c
        Hot spot at the start and at the end of each part, shape (part + 1,).
    part_s
        How long a part is.
    """
    import pandas as pd
    from transformer_thermal_model.aging import (  # type: ignore[import-untyped]
        days_aged,
    )
    from transformer_thermal_model.transformer import (
        PaperInsulationType,
    )

    offset = pd.to_timedelta(np.arange(len(temperature_c)) * part_s, unit="s")
    # The package takes a value for the part before it; the middle of the part is
    # nearer to the integral than its end.
    middle_c = (temperature_c[1:] + temperature_c[:-1]) / 2.0
    profile = pd.Series(np.concatenate([middle_c[:1], middle_c]), index=offset)
    return HOURS_PER_DAY * float(days_aged(profile, PaperInsulationType.NORMAL))


def ageing(results: Results) -> tuple[FloatArray, FloatArray]:
    """Return the highest hot spot (°C) and the life used (h), each of shape (area,)."""
    ambient_c = results.series("market", "ambient")
    highest_c, used_h = [], []
    for loading_percent in results.series("transformers", "loading"):
        temperature_c, part_s = hot_spot_c(loading_percent, ambient_c, results.step_s)
        highest_c.append(temperature_c.max())
        used_h.append(life_used_h(temperature_c, part_s))
    return np.array(highest_c), np.array(used_h)
