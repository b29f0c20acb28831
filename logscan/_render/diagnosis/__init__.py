"""Diagnoses as text, Markdown, JSON and a page: one module for each output."""
