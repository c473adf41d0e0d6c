"""The base of a VLPose config as a model of MMPose, and models without weights."""

import copy

from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.registry import find_class

BASE_BACKBONES = dict(
    # MMPose has no ViT; without visual prompts, ours is that of ViTPose.
    PromptedVisionTransformer='PromptedVisionTransformer',
    PromptedSwinTransformer='SwinTransformer',
    PromptedPyramidVisionTransformer='PyramidVisionTransformer',
    PromptedPyramidVisionTransformerV2='PyramidVisionTransformerV2',
    PromptedHRFormer='HRFormer',
)
VLPOSE_KEYS = ('text_encoder', 'matcher', 'routes', 'scenario_classifier', 'base_weights')


def base_config(model: dict) -> dict:
    """Convert a VLPose model config to that of its base, with MMPose's own classes.

    The base computes the original route, and loads the ``state_dict`` of the VLPose with
    ``strict=False``.

    Returns:
        dict: The model config of a ``TopdownPoseEstimator``; a copy of ``model`` if it is
        not a VLPose.

    Raises:
        ValueError: If MMPose has no such backbone.
    """
    model = copy.deepcopy(model)
    cls = find_class(MODELS, model['type'])
    if not (isinstance(cls, type) and issubclass(cls, VLPoseEstimator)):
        return model
    backbone, head = model['backbone'], model['head']
    prompted = getattr(find_class(MODELS, backbone['type']), '__name__', backbone['type'])
    if prompted not in BASE_BACKBONES:
        raise ValueError(
            f'The backbone {prompted!r} has no counterpart in MMPose; those with one are '
            f'{list(BASE_BACKBONES)}.'
        )
    for name in ('visual_prompt', 'lora', 'trained_layers', 'frozen_stages'):
        backbone.pop(name, None)
    built = build_on_meta(backbone)
    backbone['type'] = BASE_BACKBONES[prompted]
    if hasattr(built, 'out_indices'):
        # MMPose's class may return all stages by default.
        backbone['out_indices'] = tuple(built.out_indices)
    if prompted == backbone['type']:
        backbone['visual_prompt'] = None

    for name in ('wiring', 'gate_init', 'tuned_norms'):
        head.pop(name, None)
    head.update(type='HeatmapHead', in_channels=built.out_channels)
    head['out_channels'] = head.pop('base_out_channels', None) or head['out_channels']

    for name in VLPOSE_KEYS:
        model.pop(name, None)
    for name in ('train_cfg', 'test_cfg'):
        (model.get(name) or {}).pop('route', None)
    model['type'] = 'TopdownPoseEstimator'
    return model


def build_on_meta(cfg: dict) -> BaseModule:
    """Build a model or module in eval mode on the meta device: fast, without values."""
    # Not torch.device('meta'), since some networks read values during construction.
    hook = register_module_parameter_registration_hook(_to_meta)
    try:
        # HRFormer writes into its config.
        model = MODELS.build(copy.deepcopy(cfg))
    finally:
        hook.remove()
    return model.to('meta').eval()


def _to_meta(module: nn.Module, name: str, param: nn.Parameter) -> nn.Parameter:
    if param.is_meta:
        return param
    return nn.Parameter(param.to('meta'), requires_grad=param.requires_grad)
