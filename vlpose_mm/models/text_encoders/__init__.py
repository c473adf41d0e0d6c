"""Frozen text encoders: text prompts in, token states out (method, part 1)."""

from vlpose_mm.models.text_encoders.base import TextEncoder, TextFeatures
from vlpose_mm.models.text_encoders.precomputed import PrecomputedTextEncoder
from vlpose_mm.models.text_encoders.random import RandomTextEncoder
from vlpose_mm.models.text_encoders.transformers import TransformersTextEncoder

__all__ = [
    'PrecomputedTextEncoder',
    'RandomTextEncoder',
    'TextEncoder',
    'TextFeatures',
    'TransformersTextEncoder',
]
