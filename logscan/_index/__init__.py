"""The light index: which blocks of which log may hold a message id; the logs stay files."""
