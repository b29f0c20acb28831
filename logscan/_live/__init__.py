"""Growing files as the same stream of entries: identity, rotation, events, checkpoint."""
