"""Checks the books: energy in and out, messages sent and answered."""

import numpy as np

from mosaik_bottomup.certificate.check import Check, where, worst
from mosaik_bottomup.results import Results

BALANCE_TOLERANCE = 1e-6
"""Relative; forgives what a power flow's iteration leaves."""
METERS = ("heat_pumps", "pv_batteries", "households")


def books_energy(results: Results) -> Check:
    """Power at the transformers against what is behind them; figure: relative gap.

    In each area and step ``P = Σ sites + Σ households + losses``. The gap is relative
    to the sum of all their magnitudes, since import and export may cancel in P; where
    the file keeps areas only, of each kind's sum.
    """
    power_kw = results.series("transformers", "power_kw")
    losses_kw = results.series("transformers", "losses_kw")
    behind_kw = losses_kw.copy()
    gross_kw = np.abs(losses_kw)
    for kind in METERS:
        if not results.number(kind):
            continue
        meters_kw = results.sums(kind, "power_kw")
        rows = (
            results.static[kind]["area"].astype(np.int64)
            if results.keeps_sites
            else np.arange(len(meters_kw))
        )
        np.add.at(behind_kw, rows, meters_kw)
        np.add.at(gross_kw, rows, np.abs(meters_kw))
    gap_kw = np.abs(power_kw - behind_kw)
    # An area where nothing flows must show nothing: no gap then counts as relative.
    gap = gap_kw / np.where(gross_kw > 0.0, gross_kw, 1.0)
    row, step = worst(gap)
    figure = float(gap[row, step])
    return Check(
        figure <= BALANCE_TOLERANCE,
        figure,
        f"transformer and meters differ by at most {figure:.1e} of the power, "
        f"{where(results, 'areas', row, step)}",
    )


def books_messages(results: Results) -> Check:
    """Messages sent against answered, by link and step; figure: those unanswered."""
    sent = results.series("messages", "sent")
    unanswered = np.abs(sent - results.series("messages", "answered"))
    count = int(unanswered.sum())
    text = f"{int(sent.sum())} messages sent, {count} not answered"
    if count:
        row, step = worst(unanswered)
        text += f", at worst in {where(results, 'messages', row, step)}"
    return Check(count == 0, float(count), text)
