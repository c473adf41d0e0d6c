"""Drawn people: poses, figures, photos and the nineteen Human-Art scenarios."""
