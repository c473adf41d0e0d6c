"""The smallest real backbones of MMPose, and attention as textbooks write it."""

import copy

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn


def _stage(num_branches: int, num_modules: int = 1) -> dict:
    """A transformer stage of HRFormer."""
    each = ('num_blocks', 'num_heads', 'mlp_ratios')
    return dict(
        num_modules=num_modules,
        num_branches=num_branches,
        block='HRFORMERBLOCK',
        num_channels=(8, 16, 24, 32)[:num_branches],
        window_sizes=(5,) * num_branches,
        **dict.fromkeys(each, (2,) * num_branches),
    )


ORIGINAL = {
    'swin': dict(
        type='SwinTransformer',
        embed_dims=8,
        depths=(2, 2),
        num_heads=(2, 4),
        strides=(4, 2),
        window_size=4,
        mlp_ratio=2,
        drop_path_rate=0.3,
        out_indices=(1,),
    ),
    'pvt': dict(
        type='PyramidVisionTransformer',
        pretrain_img_size=32,
        embed_dims=8,
        num_stages=2,
        num_layers=(2, 2),
        num_heads=(2, 4),
        patch_sizes=(4, 2),
        strides=(4, 2),
        paddings=(0, 0),
        sr_ratios=(2, 1),
        mlp_ratios=(2, 2),
        drop_rate=0.1,
        drop_path_rate=0.3,
        out_indices=(1,),
    ),
    'pvtv2': dict(
        type='PyramidVisionTransformerV2',
        embed_dims=8,
        num_layers=(1, 1, 1, 2),
        num_heads=(1, 2, 2, 4),
        mlp_ratios=(2, 2, 2, 2),
        drop_path_rate=0.3,
        out_indices=(3,),
    ),
    'hrformer': dict(
        type='HRFormer',
        norm_cfg=dict(type='BN'),
        extra=dict(
            drop_path_rate=0.3,
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block='BOTTLENECK',
                num_blocks=(1,),
                num_channels=(8,),
            ),
            stage2=_stage(2),
            stage3=_stage(3),
            stage4=_stage(4, num_modules=2),
        ),
    ),
}
KINDS = list(ORIGINAL)
NUM_LAYERS = dict(swin=4, pvt=4, pvtv2=5, hrformer=8)
# Sides that are no multiples of the windows'; HRFormer's must be of 32.
SIDES = dict(swin=(60, 44), pvt=(60, 44), pvtv2=(60, 44), hrformer=(96, 64))


def image(kind: str, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, *SIDES[kind])


def build_original(kind: str, **kwargs) -> nn.Module:
    """Build MMPose's backbone with random numbers in every place, in eval mode."""
    model = randomize(MODELS.build({**copy.deepcopy(ORIGINAL[kind]), **kwargs}))
    model.eval()  # Returns None for some.
    return model


def build(kind: str, visual_prompt: dict | None = None, **kwargs) -> nn.Module:
    """Build ours with random numbers in every place, in eval mode."""
    cfg = copy.deepcopy(ORIGINAL[kind])
    cfg.update(type=f'Prompted{cfg["type"]}', visual_prompt=visual_prompt, **kwargs)
    return randomize(MODELS.build(cfg)).eval()


def randomize(model: nn.Module) -> nn.Module:
    """Fill parameters and batch norm statistics with random numbers."""
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if 'var' in name:
            nn.init.uniform_(tensor, 0.5, 1.5)
        elif tensor.is_floating_point() and name != 'visual_prompt_gates':
            nn.init.normal_(tensor, std=0.3)
    return model


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Layer norm, written out."""
    x = x - x.mean(-1, keepdim=True)
    x = x / (x.square().mean(-1, keepdim=True) + norm.eps).sqrt()
    return x * norm.weight + norm.bias


def attend(
    x: Tensor, memory: Tensor, bias: Tensor, weights: tuple[Tensor, ...], num_heads: int
) -> Tensor:
    """Multi-head attention of N queries to M tokens; ``bias`` is heads x N x M."""
    in_weight, in_bias, out_weight, out_bias = weights
    sources = (x, memory, memory)
    parts = zip(sources, in_weight.chunk(3), in_bias.chunk(3), strict=True)
    q, k, v = ((source @ w.T + b).chunk(num_heads, dim=-1) for source, w, b in parts)
    heads = [
        (q[i] @ k[i].T / q[i].shape[-1] ** 0.5 + bias[i]).softmax(-1) @ v[i]
        for i in range(num_heads)
    ]
    return torch.cat(heads, dim=-1) @ out_weight.T + out_bias


def attend_in_window(
    tokens: Tensor, hidden: Tensor, prompts: Tensor, attn: nn.Module
) -> Tensor:
    """Attention of a window's tokens, N x C, to each other and to normalized prompts.

    ``hidden``: added to the scores of N x N tokens. Ends of the relative position's range
    are counted by hand.
    """
    side, N, P = attn.window_size[0], len(tokens), len(prompts)
    bias = torch.zeros(attn.num_heads, N, P + N)
    bias[:, :, P:] = hidden
    if getattr(attn, 'with_rpe', True):
        at = torch.arange(N)
        dy = at[:, None] // side - at // side
        dx = at[:, None] % side - at % side
        row = (dy + side - 1) * (2 * side - 1) + dx + side - 1
        bias[:, :, P:] += attn.relative_position_bias_table[row].permute(2, 0, 1)
    weights = (attn.qkv.weight, attn.qkv.bias, attn.proj.weight, attn.proj.bias)
    return attend(tokens, torch.cat([prompts, tokens]), bias, weights, attn.num_heads)


def record(module: nn.Module) -> list:
    """Record what a module is called with and returns."""
    calls = []
    module.register_forward_hook(
        lambda module, args, kwargs, output: calls.append((args, kwargs, output)),
        with_kwargs=True,
    )
    return calls
