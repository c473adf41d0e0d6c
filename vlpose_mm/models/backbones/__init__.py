"""MMPose's backbones with optional visual prompts."""

from vlpose_mm.models.backbones.hrformer import PromptedHRFormer
from vlpose_mm.models.backbones.pvt import (
    PromptedPyramidVisionTransformer,
    PromptedPyramidVisionTransformerV2,
)
from vlpose_mm.models.backbones.swin import PromptedSwinTransformer
from vlpose_mm.models.backbones.vit import PromptedVisionTransformer

__all__ = [
    'PromptedHRFormer',
    'PromptedPyramidVisionTransformer',
    'PromptedPyramidVisionTransformerV2',
    'PromptedSwinTransformer',
    'PromptedVisionTransformer',
]
