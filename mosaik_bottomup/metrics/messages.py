"""How much the parties had to say to each other."""

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.results import Results


def messages_per_step(results: Results) -> FloatArray:
    """Return the messages of a mean step, questions and answers, shape (link,)."""
    sent = results.series("messages", "sent")
    mean: FloatArray = (sent + results.series("messages", "answered")).mean(axis=1)
    return mean
