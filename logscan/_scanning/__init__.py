"""Which bytes matter: needles, whole entries, slices by time, units of work."""
