"""Stock backbones that also take prompts."""

from vlpose_mm.models.backbones.vit import PromptedVisionTransformer

__all__ = ['PromptedVisionTransformer']
