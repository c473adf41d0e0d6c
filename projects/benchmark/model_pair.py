"""The model pair that is compared: a VLPose and its base model."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from torch import nn

from projects.benchmark.conditions import Conditions
from vlpose_mm.analysis.base_model import base_config
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


class ModelPair(NamedTuple):
    """Two models that compute the same on the original route.

    Attributes:
        base (TopdownPoseEstimator): The one of MMPose's own classes.
        vlpose (VLPoseEstimator): The one of the config.
    """

    base: TopdownPoseEstimator
    vlpose: VLPoseEstimator


def build_pair(cfg: Mapping, conditions: Conditions) -> ModelPair:
    """Build the model of a config and its base model, with the same weights.

    They are random: how long arithmetic takes does not depend on them. Both are in eval
    mode. Raise an OSError if the text encoder cannot load its language model or file, and a
    ValueError if the model is not a VLPose or has no base model.
    """
    if not cfg.get('model'):
        raise ValueError('The config has no `model`; give the config of a VLPose.')
    model_cfg = cfg['model']
    vlpose = MODELS.build(model_cfg)
    if not isinstance(vlpose, VLPoseEstimator):
        raise ValueError(
            f'{type(vlpose).__name__} is not a VLPoseEstimator, so there is nothing to '
            'compare with its base model; give the config of a VLPose.'
        )
    base = MODELS.build(base_config(model_cfg))
    base.load_state_dict(vlpose.state_dict(), strict=False)
    # The cases write into it; that of the VLPose is a copy already.
    base.test_cfg = {**base.test_cfg}
    if conditions.dtype != 'float32':
        output_float32(base)
    pair = ModelPair(base, vlpose)
    for model in pair:
        model.eval().to(conditions.device)
        if conditions.compiled:
            # In place, so that every call of the model runs compiled code.
            model.compile()
    return pair


def output_float32(model: TopdownPoseEstimator) -> None:
    """Convert heatmaps as our head does: NumPy, which decodes them, has no bf16."""
    forward = model.head.forward
    model.head.forward = lambda feats: forward(feats).float()


def build_optimizer(model: nn.Module, cfg: Mapping) -> OptimWrapper:
    """Build the config's optimizer, unless it brings its own autocast."""
    if cfg['optim_wrapper'].get('type', 'OptimWrapper') != 'OptimWrapper':
        raise ValueError(
            f'The optim_wrapper is {cfg["optim_wrapper"]["type"]!r}, which would choose '
            'the dtype; give optim_wrapper.type=OptimWrapper, and the dtype apart.'
        )
    return build_optim_wrapper(model, cfg['optim_wrapper'])


def fresh_compiler(conditions: Conditions) -> None:
    """Drop compiled code, as PyTorch limits how often code is recompiled."""
    if conditions.compiled:
        torch.compiler.reset()
