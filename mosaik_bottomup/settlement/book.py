"""The book: payments between parties, and the ledger they add up to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.results import LAYOUT

GROUP = "ledger"
UNIT = "_dkk"
HEADINGS = tuple(each.name.removesuffix(UNIT) for each in LAYOUT[GROUP].series)
"""What is paid for, in the order of the layout."""
RETAILER, MARKET, TSO, DSO, STATE, WEAR = (
    "retailer",
    "market",
    "TSO",
    "DSO",
    "state",
    "battery wear",
)
GRAIN_DKK = 2.0**-26
"""Amounts are booked in whole multiples of this, a millionth of an øre: a binary
fraction, so that sums of them are exact, and the zeros at the end compress well."""


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """What every party has received and paid; received is positive.

    The sum over the parties is zero under each heading in each step.
    """

    parties: tuple[str, ...]
    """The retailer, the aggregators, market, TSO, DSO, state, battery wear, and then
    every home."""
    homes: int
    """How many of the parties, the last ones, are homes; in the order of group
    ``households``."""
    received_dkk: Mapping[str, FloatArray]
    """By heading: received, and negative paid; shape (party, time)."""

    @property
    def customers(self) -> slice:
        """Rows of the homes."""
        return slice(len(self.parties) - self.homes, len(self.parties))

    def row(self, party: str) -> int:
        """Return where a party stands."""
        return self.parties.index(party)

    def totals_dkk(self) -> FloatArray:
        """Return what each party has received in all, shape (party, heading)."""
        return np.stack([at.sum(axis=1) for at in self.received_dkk.values()], axis=1)

    def net_dkk(self) -> FloatArray:
        """Return every account's balance of each step, shape (party, time)."""
        net: FloatArray = np.sum(list(self.received_dkk.values()), axis=0)
        return net

    def imbalance_dkk(self) -> float:
        """Return how far the worst heading and step are from a sum of zero."""
        sums = [np.abs(at.sum(axis=0)).max() for at in self.received_dkk.values()]
        return float(np.max(sums))


def grained(amount_dkk: FloatArray) -> FloatArray:
    """Return amounts rounded to whole multiples of :data:`GRAIN_DKK`."""
    whole: FloatArray = np.rint(amount_dkk / GRAIN_DKK) * GRAIN_DKK
    return whole


class Book:
    """Where payments are entered, each with a payer and a payee.

    Parameters
    ----------
    aggregators, homes
        Their names.
    steps
        How many there are.
    """

    def __init__(
        self, aggregators: tuple[str, ...], homes: tuple[str, ...], steps: int
    ) -> None:
        others = (MARKET, TSO, DSO, STATE, WEAR)
        self.parties = (RETAILER, *aggregators, *others, *homes)
        self.aggregators = 1 + np.arange(len(aggregators))
        """Rows of the aggregators."""
        self.customers = len(self.parties) - len(homes) + np.arange(len(homes))
        """Rows of the homes."""
        self._homes = len(homes)
        shape = len(self.parties), steps
        self._received = {heading: np.zeros(shape) for heading in HEADINGS}

    def pay(
        self,
        heading: str,
        payer: str | IntArray,
        payee: str | IntArray,
        amount_dkk: FloatArray,
    ) -> None:
        """Enter payments of one heading; a negative one goes the other way.

        Each is rounded to :data:`GRAIN_DKK`.

        Parameters
        ----------
        heading
            One of :data:`HEADINGS`.
        payer, payee
            A party's name, or rows of several; if both are rows, one to one.
        amount_dkk
            Shape (party, time) by the rows, or (time,) between two names.
        """
        table = self._received[heading]
        amount_dkk = grained(np.atleast_2d(amount_dkk))
        np.subtract.at(table, self._rows(payer, len(amount_dkk)), amount_dkk)
        np.add.at(table, self._rows(payee, len(amount_dkk)), amount_dkk)

    def close(self) -> Ledger:
        """Return the ledger.

        Raises
        ------
        InvariantError
            If an amount was no number, or the books do not balance.
        """
        ledger = Ledger(self.parties, self._homes, self._received)
        off_dkk = ledger.imbalance_dkk()
        if off_dkk != 0.0:  # of NaN as well
            raise InvariantError(f"the ledger is {off_dkk:g} DKK out of balance")
        return ledger

    def _rows(self, party: str | IntArray, count: int) -> IntArray:
        if isinstance(party, str):
            return np.full(count, self.parties.index(party))
        return party
