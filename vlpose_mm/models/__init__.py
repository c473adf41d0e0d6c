"""The boxes of the method's figure."""

from vlpose_mm.models.backbones import (
    PromptedHRFormer,
    PromptedPyramidVisionTransformer,
    PromptedPyramidVisionTransformerV2,
    PromptedSwinTransformer,
    PromptedVisionTransformer,
)
from vlpose_mm.models.extractor_injector_head import DualExtractorInjectorHead
from vlpose_mm.models.relation_matcher import RelationMatcher
from vlpose_mm.models.scenario_classifier import ScenarioClassifier
from vlpose_mm.models.stock import stock_config
from vlpose_mm.models.text_encoders import (
    PrecomputedTextEncoder,
    RandomTextEncoder,
    TransformersTextEncoder,
)
from vlpose_mm.models.vlpose import VLPoseEstimator

__all__ = [
    'DualExtractorInjectorHead',
    'PrecomputedTextEncoder',
    'PromptedHRFormer',
    'PromptedPyramidVisionTransformer',
    'PromptedPyramidVisionTransformerV2',
    'PromptedSwinTransformer',
    'PromptedVisionTransformer',
    'RandomTextEncoder',
    'RelationMatcher',
    'ScenarioClassifier',
    'TransformersTextEncoder',
    'VLPoseEstimator',
    'stock_config',
]
