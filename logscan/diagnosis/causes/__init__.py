"""Why a handshake failed: one function for each cause, over the facts of a case."""
