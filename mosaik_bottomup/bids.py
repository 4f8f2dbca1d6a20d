"""What a power costs a site, by its own bid."""

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.messages import BidBook

TOLERANCE_KW = 1e-6  # forgives the rounding of sums of powers


def cost_at_dkk(book: BidBook, power_kw: FloatArray) -> FloatArray:
    """Return what each site says a power costs, the future included, shape ``(n,)``.

    Between two options it is interpolated.

    Parameters
    ----------
    book
        What was bid.
    power_kw
        What the sites are told, each an option of its own or a power between two that
        are divisible; shape ``(n,)``.
    """
    rows = np.arange(book.area.size)
    options = book.power_kw.shape[1]
    above = (book.power_kw < power_kw[:, None] - TOLERANCE_KW).sum(axis=1)
    high = np.minimum(above, options - 1)
    low = np.maximum(above - 1, 0)
    width_kw = book.power_kw[rows, high] - book.power_kw[rows, low]
    part = (power_kw - book.power_kw[rows, low]) / np.where(width_kw > 0, width_kw, 1.0)
    low_dkk, high_dkk = book.cost_dkk[rows, low], book.cost_dkk[rows, high]
    between_dkk = low_dkk + np.clip(part, 0.0, 1.0) * (high_dkk - low_dkk)
    here = np.abs(book.power_kw - power_kw[:, None]) <= TOLERANCE_KW
    option_dkk = np.where(here, book.cost_dkk, np.inf).min(axis=1)
    told_dkk: FloatArray = np.where(here.any(axis=1), option_dkk, between_dkk)
    return told_dkk
