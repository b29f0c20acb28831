"""Diagnosis: evidence joined to a case, causes judged over its facts."""
