"""The zip for support, and what is masked in it."""
