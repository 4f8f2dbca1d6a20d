r"""How many kW at the meters an area may take or give before its limit is reached.

A limit is a loading of the transformer, hence a current; an operator hands out kW at
meters. Between the two lie reactive power and the losses of lines and transformer:

.. math::
    \ell(P, Q) = 100\,\frac{|S|}{S_r\,v},\qquad
    S = P + L(P, Q) + \mathrm j\,\bigl(Q + M(P, Q)\bigr)

with :math:`P, Q` the sums over all meters of the area, :math:`S_r` the rating,
:math:`v` the medium voltage in per unit and :math:`L, M` quadratic in :math:`P` and
:math:`Q`, fitted on power flows (`headroom_fit`). The loading that is meant is that of
the high-voltage side: where the tap raises the low voltage, as it does in the packaged
grids, the other side is the larger one only near idle. How the load is spread over the
homes is not seen; what that costs, a correction learns from the measured loading.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray

MARGIN_PERCENT = 1.0
"""Kept free below the limit, in percent of it, for loads spread unlike the fit's."""
CORRECTION_MAX = 1.05
"""Beyond this the model is wrong rather than the load spread unusually."""

_RELAXING_PER_STEP = 0.05  # quick to become careful, slow to relax
_TELLING_LOADING_PERCENT = 20.0  # below, idle losses hide the spread of the load
_HALVINGS = 32  # of twice the limit: below a milliwatt
_BRACKET = 2.0  # an export may exceed the limit by what the losses take of it
_PERCENT = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Headroom:
    """Loading as a function of the power at the meters, area by area."""

    rating_kva: FloatArray
    """``(areas,)``."""
    mv_voltage_pu: FloatArray
    """``(areas,)``, the lowest to reckon with."""
    p_coefficients: FloatArray
    """Of :math:`L` in kW, ``(areas, 5)``, for 1, P, Q, P², Q²."""
    q_coefficients: FloatArray
    """Of :math:`M` in kvar, ``(areas, 5)``."""

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain lists and floats, fit for JSON."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote."""
        return cls(
            np.array(values["rating_kva"], dtype=np.float64),
            np.array(values["mv_voltage_pu"], dtype=np.float64),
            np.array(values["p_coefficients"], dtype=np.float64),
            np.array(values["q_coefficients"], dtype=np.float64),
        )


def loading_percent(
    headroom: Headroom, p_kw: FloatArray, q_kvar: FloatArray
) -> FloatArray:
    """Return the loading for powers at the meters.

    Both are ``(areas,)`` or have trailing axes, such as time; `p_kw` may have leading
    axes as well, for alternatives.
    """
    return _loading_at(headroom, q_kvar)(p_kw)


def at_transformers(
    headroom: Headroom, p_kw: FloatArray, q_kvar: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the power at the high-voltage side for powers at the meters, alike."""
    lost_kw = _quadratic(headroom.p_coefficients, q_kvar)(p_kw)
    lost_kvar = _quadratic(headroom.q_coefficients, q_kvar)(p_kw)
    return p_kw + lost_kw, q_kvar + lost_kvar


def take(headroom: Headroom, rows: IntArray) -> Headroom:
    """Return the model of some areas."""
    return Headroom(*(getattr(headroom, each.name)[rows] for each in fields(Headroom)))


def limits_kw(
    headroom: Headroom,
    limit_percent: FloatArray,
    q_kvar: FloatArray,
    correction: FloatArray,
    margin_percent: float = MARGIN_PERCENT,
) -> tuple[FloatArray, FloatArray]:
    """Return the largest import and the largest export that keep each area's limit.

    The net active power :math:`P` of all meters must stay within ``-export <= P <=
    import``. Both are never negative: where not even :math:`P = 0` fits (a limit of 0,
    or reactive power above it) both are 0.

    Parameters
    ----------
    headroom
        The fitted model.
    limit_percent : (areas,) array
        Allowed loading in percent of the rating.
    q_kvar : (areas,) or (areas, steps) array
        Reactive power of all meters to reckon with.
    correction : (areas,) array
        From :func:`correct`; 1 to begin with.
    margin_percent
        Kept free, in percent of the limit.

    Returns
    -------
    import_kw, export_kw
        Shaped like `q_kvar`.

    Raises
    ------
    ValueError
        If a limit is negative, or anything is not a finite number.
    """
    if not (np.isfinite(limit_percent) & (limit_percent >= 0)).all():
        raise ValueError(f"limits must be 0 or more, not {limit_percent.tolist()}")
    if not np.isfinite(q_kvar).all():
        raise ValueError("q_kvar holds what is not a finite number")
    if not 0 <= margin_percent < _PERCENT:
        raise ValueError(f"margin_percent must be in [0, 100), not {margin_percent}")
    reach_percent = limit_percent * (1.0 - margin_percent / _PERCENT) / correction
    target_percent = _per_area(reach_percent, q_kvar)
    full_kva = _per_area(headroom.rating_kva * headroom.mv_voltage_pu, q_kvar)
    # one row of alternatives each for import and export
    sign = np.array([1.0, -1.0]).reshape(2, *(1,) * q_kvar.ndim)
    fitting_kw = np.zeros((2, *q_kvar.shape))
    loading_at = _loading_at(headroom, q_kvar)
    fits_at_rest = loading_at(fitting_kw) <= target_percent
    width_kw = _BRACKET * full_kva * target_percent / _PERCENT
    for _ in range(_HALVINGS):
        width_kw = width_kw / 2.0
        tried_kw = fitting_kw + width_kw
        fits = loading_at(sign * tried_kw) <= target_percent
        fitting_kw = np.where(fits, tried_kw, fitting_kw)
    import_kw, export_kw = np.where(fits_at_rest, fitting_kw, 0.0)
    return import_kw, export_kw


def correct(
    headroom: Headroom,
    p_kw: FloatArray,
    q_kvar: FloatArray,
    measured_loading_percent: FloatArray,
    correction: FloatArray,
) -> FloatArray:
    """Return the next correction, from what the last step measured; all ``(areas,)``.

    The correction is the factor by which the true loading exceeds the model's. It
    follows a higher one at once and a lower one by 5 % of the difference per step, and
    stays between 1 and `CORRECTION_MAX`. A lightly loaded transformer teaches nothing.

    Parameters
    ----------
    headroom
        The fitted model.
    p_kw, q_kvar
        Power of all meters in the last step.
    measured_loading_percent
        Loading in the last step.
    correction
        The correction so far.
    """
    expected_percent = loading_percent(headroom, p_kw, q_kvar)
    telling = measured_loading_percent >= _TELLING_LOADING_PERCENT
    seen = measured_loading_percent / np.where(telling, expected_percent, 1.0)
    relaxed = correction + _RELAXING_PER_STEP * (seen - correction)
    learned = np.clip(np.maximum(seen, relaxed), 1.0, CORRECTION_MAX)
    return np.where(telling, learned, correction)


def _loading_at(
    headroom: Headroom, q_kvar: FloatArray
) -> Callable[[FloatArray], FloatArray]:
    """Return the loading as a function of the active power alone, cheap to call."""
    full_kva = _per_area(headroom.rating_kva * headroom.mv_voltage_pu, q_kvar)
    lost_kw = _quadratic(headroom.p_coefficients, q_kvar)
    lost_kvar = _quadratic(headroom.q_coefficients, q_kvar)

    def loading_at(p_kw: FloatArray) -> FloatArray:
        hv_kw, hv_kvar = p_kw + lost_kw(p_kw), q_kvar + lost_kvar(p_kw)
        percent: FloatArray = _PERCENT * np.hypot(hv_kw, hv_kvar) / full_kva
        return percent

    return loading_at


def _quadratic(
    coefficients: FloatArray, q_kvar: FloatArray
) -> Callable[[FloatArray], FloatArray]:
    one, p, q, pp, qq = (_per_area(column, q_kvar) for column in coefficients.T)
    of_q = (q + qq * q_kvar) * q_kvar

    def value(p_kw: FloatArray) -> FloatArray:
        return one + (p + pp * p_kw) * p_kw + of_q

    return value


def _per_area(values: FloatArray, like: FloatArray) -> FloatArray:
    """Give `values`, ``(areas,)``, the trailing axes of `like`."""
    return values.reshape(values.shape + (1,) * (like.ndim - values.ndim))
