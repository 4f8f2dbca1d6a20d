"""What the Danish TSO buys of this kind, and how large a bid must be.

After Energinet's ancillary services and the Nordic mFRR energy activation market: bids
are for market time units of 15 min, fully delivered 12.5 min after the order, 1 MW or
more. Symmetric reserves on batteries (FCR in DK1, FCR-N in DK2) are reserved as a band
around the schedule; FCR-N is bid from 0.1 MW.
"""

from dataclasses import dataclass

from mosaik_bottomup.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Product:
    """A reserve product."""

    name: str
    minimum_bid_kw: float
    """Smallest bid the market takes."""
    full_activation_min: float
    """From the order to full delivery."""
    symmetric: bool
    """Whether up and down are sold together."""


MFRR = Product("mFRR energy activation", 1000.0, 12.5, symmetric=False)
BAND = Product("FCR-N", 100.0, 2.5, symmetric=True)
DURATIONS_MIN = (15, 30, 60)
"""One, two and four market time units held without pause."""


def share_of_bid(product: Product, offered_kw: float | FloatArray) -> float:
    """Return the part of a smallest bid that an offer makes up.

    Below one, the sites are to be pooled with others: 80 heat pumps and 70 batteries
    are a share of a larger pool.
    """
    return float(offered_kw) / product.minimum_bid_kw
