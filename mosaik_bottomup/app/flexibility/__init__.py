"""The command ``flexibility``: what can be offered hour by hour, and a picture."""
