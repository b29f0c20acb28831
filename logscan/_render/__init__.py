"""Renderers: values to text for one medium each. None computes; each escapes for its medium."""
