"""How much the parties had to say to each other."""

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.results import Results


def messages_per_step(results: Results) -> FloatArray:
    """Return the messages of a mean step, questions and answers, shape (link,)."""
    sent = results.series("messages", "sent")
    mean: FloatArray = (sent + results.series("messages", "answered")).mean(axis=1)
    return mean


def message_bytes_per_step(results: Results) -> FloatArray | None:
    """Return the payload of a mean step's messages, both ways, shape (link,).

    8 bytes for each number in a message; names of fields, addresses and brackets not
    counted, since they depend on the encoding. None where the file does not say.
    """
    if not results.holds("messages", "payload_bytes"):
        return None
    mean: FloatArray = results.series("messages", "payload_bytes").mean(axis=1)
    return mean
