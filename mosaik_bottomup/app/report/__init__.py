"""One self-contained page from results files: what a run did, and what it is worth."""
