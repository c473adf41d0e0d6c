"""Checkpoints that others wrote, in our names: one file per source, no model built."""
