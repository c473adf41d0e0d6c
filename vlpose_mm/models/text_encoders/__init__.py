"""Frozen text encoders: text prompts in, token states out (method, part 1)."""

from vlpose_mm.models.text_encoders.encoders import (
    PrecomputedTextEncoder,
    RandomTextEncoder,
    TransformersTextEncoder,
)

__all__ = ['PrecomputedTextEncoder', 'RandomTextEncoder', 'TransformersTextEncoder']
