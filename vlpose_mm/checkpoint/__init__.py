"""Weights in files: reading, writing, and what belongs to a base and what to a tuning."""
