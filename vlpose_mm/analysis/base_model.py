"""The stock MMPose counterpart of a VLPose config: its original route on its own."""

import copy

from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator

STOCK_BACKBONES = dict(
    # MMPose itself has no ViT: without prompts, ours is that of ViTPose.
    PromptedVisionTransformer='PromptedVisionTransformer',
    PromptedSwinTransformer='SwinTransformer',
    PromptedPyramidVisionTransformer='PyramidVisionTransformer',
    PromptedPyramidVisionTransformerV2='PyramidVisionTransformerV2',
    PromptedHRFormer='HRFormer',
)


def base_config(model: dict) -> dict:
    """Turn a VLPose model config into one of MMPose's own classes.

    The model built from it has the original route's arithmetic, and takes its weights by
    name, with ``strict=False``, from the VLPose's ``state_dict``.

    Args:
        model (dict): The model config; it is not changed.

    Returns:
        dict: The model config of a ``TopdownPoseEstimator``; a copy of ``model`` if it is
        no VLPose.

    Raises:
        ValueError: If the backbone has no stock counterpart.
    """
    model = copy.deepcopy(model)
    cls = _find_class(model['type'])
    if not (isinstance(cls, type) and issubclass(cls, VLPoseEstimator)):
        return model
    backbone, head = model['backbone'], model['head']
    prompted = getattr(_find_class(backbone['type']), '__name__', backbone['type'])
    if prompted not in STOCK_BACKBONES:
        raise ValueError(
            f'The backbone {prompted!r} has no stock counterpart; known are '
            f'{list(STOCK_BACKBONES)}.'
        )
    for name in ('visual_prompt', 'lora', 'trained_layers', 'frozen_stages'):
        backbone.pop(name, None)
    built = build_on_meta(backbone)
    backbone['type'] = STOCK_BACKBONES[prompted]
    if hasattr(built, 'out_indices'):
        # Where the stock class would return all stages by default.
        backbone['out_indices'] = tuple(built.out_indices)
    if prompted == backbone['type']:
        backbone['visual_prompt'] = None

    for name in ('wiring', 'gate_init', 'tuned_norms'):
        head.pop(name, None)
    head.update(type='HeatmapHead', in_channels=built.out_channels)

    ours = ('text_encoder', 'matcher', 'routes', 'scenario_classifier', 'base_weights')
    for name in ours:
        model.pop(name, None)
    for name in ('train_cfg', 'test_cfg'):
        (model.get(name) or {}).pop('route', None)
    model['type'] = 'TopdownPoseEstimator'
    return model


def build_on_meta(cfg: dict) -> BaseModule:
    """Build a model without weights, in a moment and without memory, however large.

    Args:
        cfg (dict): The config of a model or of a part of one.

    Returns:
        BaseModule: The model in eval mode on the meta device, where tensors have a shape
        but no numbers.
    """
    # Not torch.device('meta'): some networks read numbers while they are being built.
    hook = register_module_parameter_registration_hook(_drop_numbers)
    try:
        # HRFormer writes into its config.
        model = MODELS.build(copy.deepcopy(cfg))
    finally:
        hook.remove()
    return model.to('meta').eval()


def _drop_numbers(module: nn.Module, name: str, param: nn.Parameter) -> nn.Parameter:
    """Hook: put a new parameter on the meta device."""
    if param.is_meta:
        return param
    return nn.Parameter(param.to('meta'), requires_grad=param.requires_grad)


def _find_class(name: str | type) -> type | None:
    """Look up what a config calls ``type``."""
    return MODELS.get(name) if isinstance(name, str) else name
