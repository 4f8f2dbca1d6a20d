"""How a figure is written in the words of the page."""

MINUS = "\N{MINUS SIGN}"


def number(figure: float, form: str) -> str:
    """Return a figure with a true minus sign, and none before nothing."""
    text = format(figure, form)
    if not float(text):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)
