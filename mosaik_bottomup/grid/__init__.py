"""The electrical network: what it is, what it carries, and what it can bear."""
