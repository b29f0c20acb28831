"""Alerts: what a live run tells the outside. None of these ever holds up the reading."""
