"""Many strategies, seeds and limits side by side: what `compare` and `frontier` do."""
