"""The boxes of the method's figure."""

from vlpose_mm.models.backbones import (
    PromptedHRFormer,
    PromptedPyramidVisionTransformer,
    PromptedPyramidVisionTransformerV2,
    PromptedSwinTransformer,
    PromptedVisionTransformer,
)
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClassifier
from vlpose_mm.models.heads.dual_extractor_injector_head import DualExtractorInjectorHead
from vlpose_mm.models.necks.relation_matcher import RelationMatcher
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.models.text_encoders import (
    PrecomputedTextEncoder,
    RandomTextEncoder,
    TransformersTextEncoder,
)

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
]
