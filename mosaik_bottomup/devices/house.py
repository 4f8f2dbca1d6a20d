r"""How the temperatures of a floor-heated house move over one time step.

Two nodes, air :math:`T_i` and floor :math:`T_f`:

.. math::
    C_i \dot T_i &= U_{if} (T_f - T_i) + U (T_a - T_i) + q \\
    C_f \dot T_f &= U_{if} (T_i - T_f) + Q

with ambient temperature :math:`T_a`, solar and internal gains :math:`q` to the air and
heat :math:`Q` into the floor: the model *TiTe* family of P. Bacher and H. Madsen,
"Identifying suitable models for the heat dynamics of buildings",
doi:10.1016/j.enbuild.2011.02.005, with the floor as second node. Temperatures have
shape ``(n, ..., 2)``, the last axis being (air, floor).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

from mosaik_bottomup.arrays import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Houses:
    """Parameters of ``n`` houses, each field of shape ``(n,)``."""

    envelope_kw_per_k: FloatArray
    """Heat loss :math:`U` from the air to outside."""
    floor_kw_per_k: FloatArray
    """Heat transfer :math:`U_{if}` between floor and air."""
    air_kwh_per_k: FloatArray
    """Heat capacity :math:`C_i` of air, furniture and inner walls."""
    floor_kwh_per_k: FloatArray
    """Heat capacity :math:`C_f` of the heated floor."""

    def __post_init__(self) -> None:
        good = np.isfinite(self.envelope_kw_per_k) & (self.envelope_kw_per_k > 0)
        good &= (self.floor_kw_per_k > 0) & (self.air_kwh_per_k > 0)
        good &= self.floor_kwh_per_k > 0
        if not good.all():  # asked this way round, NaN is refused too
            raise ValueError(f"impossible houses: rows {np.flatnonzero(~good)}")


@dataclass(frozen=True, slots=True, eq=False)
class StepResponse:
    """Exact answer of ``n`` houses over one step to inputs held constant in it."""

    transition: FloatArray
    """What remains of the old temperatures, shape ``(n, 2, 2)``."""
    per_ambient: FloatArray
    """K per K of ambient temperature, shape ``(n, 2)``."""
    per_gain_kw: FloatArray
    """K per kW of gains to the air, shape ``(n, 2)``."""
    per_heat_kw: FloatArray
    """K per kW of heat into the floor, shape ``(n, 2)``."""


@dataclass(frozen=True, slots=True, eq=False)
class SlowMode:
    r"""The one state that stores heat for hours: :math:`z = l_i T_i + l_f T_f`.

    :math:`l` is the left eigenvector of the slow eigenvalue :math:`-\mu`, scaled to
    :math:`l_i + l_f = 1`; then, exactly,

    .. math:: \dot z = \mu (T_a - z) + \frac{l_i}{C_i} q + \frac{l_f}{C_f} Q,
        \qquad \mu = l_i U / C_i .
    """

    weights: FloatArray
    """:math:`(l_i, l_f)`, shape ``(n, 2)``."""
    rate_per_h: FloatArray
    r""":math:`\mu`, shape ``(n,)``."""
    heat_kwh_per_k: FloatArray
    """Heat into the floor that lifts :math:`z` by 1 K, :math:`C_f / l_f`, ``(n,)``."""


def rates(houses: Houses) -> FloatArray:
    """Return the system matrix in 1/h, shape ``(n, 2, 2)``."""
    floor_air = houses.floor_kw_per_k / houses.air_kwh_per_k
    floor_floor = houses.floor_kw_per_k / houses.floor_kwh_per_k
    loss = houses.envelope_kw_per_k / houses.air_kwh_per_k
    rows = [[-floor_air - loss, floor_air], [floor_floor, -floor_floor]]
    return np.moveaxis(np.array(rows), -1, 0)


def discretise(houses: Houses, step_h: float) -> StepResponse:
    """Return the exact response over ``step_h`` hours, by the matrix exponential.

    The inputs are states that stay put (C. Van Loan, "Computing integrals involving
    the matrix exponential", doi:10.1109/TAC.1978.1101743).
    """
    n = houses.air_kwh_per_k.size
    system = np.zeros((n, 5, 5))
    system[:, :2, :2] = rates(houses)
    system[:, 0, 2] = houses.envelope_kw_per_k / houses.air_kwh_per_k
    system[:, 0, 3] = 1 / houses.air_kwh_per_k
    system[:, 1, 4] = 1 / houses.floor_kwh_per_k
    over = expm(system * step_h) if n else system
    return StepResponse(over[:, :2, :2], over[:, :2, 2], over[:, :2, 3], over[:, :2, 4])


def advance(
    response: StepResponse,
    temperature_c: FloatArray,
    ambient_c: FloatArray | float,
    gains_kw: FloatArray,
    heat_kw: FloatArray,
) -> FloatArray:
    """Return the temperatures one step later.

    Parameters
    ----------
    response
        Of ``n`` houses.
    temperature_c : (n, 2) array
        Air and floor now.
    ambient_c : scalar or (n,) array
        Outside, mean over the step.
    gains_kw : (n,) array
        Solar and internal gains to the air.
    heat_kw : (n,) or (n, j) array
        Heat into the floor; of ``j`` alternatives each is answered.

    Returns
    -------
    (n, 2) or (n, j, 2) array
    """
    ambient = np.broadcast_to(ambient_c, gains_kw.shape)
    drift = (
        np.einsum("nij,nj->ni", response.transition, temperature_c)
        + response.per_ambient * ambient[:, None]
        + response.per_gain_kw * gains_kw[:, None]
    )
    per_heat_kw = response.per_heat_kw
    if heat_kw.ndim == 2:
        drift, per_heat_kw = drift[:, None], per_heat_kw[:, None]
    after: FloatArray = drift + per_heat_kw * heat_kw[..., None]
    return after


def slow_mode(houses: Houses) -> SlowMode:
    """Return the slow mode of each house, in closed form for two nodes."""
    system = rates(houses)
    trace = system[:, 0, 0] + system[:, 1, 1]
    determinant = system[:, 0, 0] * system[:, 1, 1] - system[:, 0, 1] * system[:, 1, 0]
    slow = trace / 2 + np.sqrt(trace**2 / 4 - determinant)
    # l (A - slow I) = 0, second column: l_i A_01 + l_f (A_11 - slow) = 0
    weights = np.stack([slow - system[:, 1, 1], system[:, 0, 1]], axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    return SlowMode(weights, -slow, houses.floor_kwh_per_k / weights[:, 1])
