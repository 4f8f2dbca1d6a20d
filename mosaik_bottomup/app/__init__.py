"""Choose, wire and run: the only part beside the adapters that knows mosaik."""
