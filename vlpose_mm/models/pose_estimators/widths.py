"""Fit the parts of a VLPose to each other: who takes its width from whom."""

from typing import NamedTuple

from mmpose.registry import MODELS
from torch import nn

from vlpose_mm.models.text_encoders.base import TextEncoder


class Parts(NamedTuple):
    """The parts, and the configs of those that take their widths from them.

    Attributes:
        backbone (nn.Module): Built.
        text_encoder (TextEncoder, optional): Built; ``None``: there are no words.
        matcher (dict): Config with ``embed_dims`` and ``text_dims``.
        head (dict): Config with ``in_channels``.
    """

    backbone: nn.Module
    text_encoder: TextEncoder | None
    matcher: dict
    head: dict


def fit_parts(
    backbone: dict, text_encoder: dict | None, matcher: dict, head: dict
) -> Parts:
    """Build backbone and text encoder, and tell the others their widths.

    Args:
        backbone (dict): Config of the backbone.
        text_encoder (dict, optional): Config of the text encoder.
        matcher (dict): Config of the matcher.
        head (dict): Config of the head.

    Returns:
        Parts: What was built, and completed configs.

    Raises:
        ValueError: If the backbone takes no prompts, or a config has a width that comes
            from elsewhere; the head's may be given if it is right.
    """
    if matcher.keys() & {'embed_dims', 'text_dims'}:
        raise ValueError(
            'The widths of the matcher come from the backbone and the text encoder; leave '
            'embed_dims and text_dims away.'
        )
    text_dims = None
    if text_encoder is not None:
        text_encoder = MODELS.build(text_encoder)
        text_dims = text_encoder.embed_dims
    lora = backbone.get('lora')
    if isinstance(lora, dict):
        if 'text_dims' in lora:
            raise ValueError('lora.text_dims comes from the text encoder; omit it.')
        backbone = {**backbone, 'lora': {**lora, 'text_dims': text_dims}}
    backbone = MODELS.build(backbone)
    if not hasattr(backbone, 'out_channels'):
        prompted = [name for name in MODELS.module_dict if name.startswith('Prompted')]
        raise ValueError(
            f'{type(backbone).__name__} takes no prompts; choose one of {prompted}, with '
            'prompt=None if there shall be none.'
        )
    embed_dims = backbone.out_channels
    if head.get('in_channels', embed_dims) != embed_dims:
        raise ValueError(
            f'head.in_channels is {head["in_channels"]} but the backbone is {embed_dims} '
            'wide; leave in_channels away.'
        )
    return Parts(
        backbone,
        text_encoder,
        {**matcher, 'embed_dims': embed_dims, 'text_dims': text_dims},
        {**head, 'in_channels': embed_dims},
    )
