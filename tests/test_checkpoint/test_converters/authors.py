"""The authors' VLPose in their names: equations of the method, written down again."""

import torch
import torch.nn.functional as F
from torch import Tensor

PATCH, HEADS, MATCHER_HEADS, NUM_BLOCKS = 16, 4, 8, 2
Weights = dict[str, Tensor]


def tune(
    base: Weights, text_dims: int | None, num_tokens: int = 3, deep: bool = True
) -> Weights:
    """Make random weights as their training leaves them.

    Args:
        base (Weights): The ViTPose in MMPose's names, without class token.
        text_dims (int, optional): Width of the token states; as wide as the image by
            default.
        num_tokens (int): Visual prompts of a set.
        deep (bool): Whether every layer has a set.
    """
    C = base['backbone.pos_embed'].shape[-1]
    weights = {k: v.clone() for k, v in base.items() if k.startswith('backbone.')}
    num_layers = len({k.split('.')[2] for k in weights if '.layers.' in k})
    weights['backbone.cls_token'] = torch.randn(1, 1, C)
    rows = [torch.randn(1, 1, C), base['backbone.pos_embed']]
    weights['backbone.pos_embed'] = torch.cat(rows, dim=1)
    weights['backbone.prompt_embed'] = torch.randn(1, num_tokens, C)
    if deep:
        prompts = torch.randn(num_layers - 1, num_tokens, C)
        weights['backbone.deep_prompt_embed'] = prompts
    if text_dims is not None:
        weights['text_embed_proj.weight'] = torch.randn(C, text_dims) * 0.2
        weights['text_embed_proj.bias'] = torch.randn(C)
    for part in ('q', 'k', 'v', 'proj', 'norm'):
        size = (C,) if part == 'norm' else (C, C)
        weights[f'matcher.{part}.weight'] = torch.randn(size) * 0.4
        weights[f'matcher.{part}.bias'] = torch.randn(C) * 0.4
    for i in range(NUM_BLOCKS):
        start = f'head.deconv_layers.{i}'
        deconv = base[f'head.deconv_layers.{3 * i}.weight']
        weights[f'{start}.deconv0.weight'] = deconv.clone()
        weights[f'{start}.deconv1.weight'] = torch.randn_like(deconv) * 0.2
        for last in ('weight', 'bias', 'running_mean', 'running_var'):
            original = base[f'head.deconv_layers.{3 * i + 1}.{last}']
            # Frozen, but the statistics drift.
            drift = torch.rand_like(original) * ('running' in last)
            weights[f'{start}.bn0.{last}'] = original + drift
            weights[f'{start}.bn1.{last}'] = torch.rand_like(original) + 0.5
        for branch in (0, 1):
            weights[f'{start}.bn{branch}.num_batches_tracked'] = torch.tensor(7)
    for last in ('weight', 'bias'):
        original = base[f'head.final_layer.{last}']
        weights[f'head.final_layer.{last}'] = torch.randn_like(original)
    return weights


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return x @ w[f'{name}.weight'].T + w[f'{name}.bias']


def layer_norm(w: Weights, name: str, x: Tensor, eps: float) -> Tensor:
    x = (x - x.mean(-1, keepdim=True)) / (
        x.var(-1, correction=0, keepdim=True) + eps
    ).sqrt()
    return x * w[f'{name}.weight'] + w[f'{name}.bias']


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Softmax attention, head by head; all N x C."""
    parts = []
    for own in zip(*(x.chunk(heads, dim=-1) for x in (q, k, v)), strict=True):
        query, key, value = own
        weights = (query @ key.T / query.shape[-1] ** 0.5).softmax(-1)
        parts.append(weights @ value)
    return torch.cat(parts, dim=-1)


def backbone(w: Weights, image: Tensor) -> Tensor:
    """E of one image, 3 x H x W to C x h x w, with all prompts pushed through."""
    embed = 'backbone.patch_embed.projection'
    x = F.conv2d(image, w[f'{embed}.weight'], w[f'{embed}.bias'], stride=PATCH, padding=2)
    C, h, width = x.shape
    x = x.flatten(1).T + w['backbone.pos_embed'][0, 1:]
    deep = w.get('backbone.deep_prompt_embed')
    num_layers = len({k.split('.')[2] for k in w if k.startswith('backbone.layers.')})
    for i in range(num_layers):
        if i == 0:
            x = torch.cat([w['backbone.prompt_embed'][0], x])
        elif deep is not None:
            x = torch.cat([deep[i - 1], x[-h * width :]])
        name = f'backbone.layers.{i}'
        qkv = linear(w, f'{name}.attn.qkv', layer_norm(w, f'{name}.ln1', x, 1e-6))
        x = x + linear(w, f'{name}.attn.proj', attend(*qkv.chunk(3, dim=-1), HEADS))
        hidden = F.gelu(
            linear(w, f'{name}.ffn.layers.0.0', layer_norm(w, f'{name}.ln2', x, 1e-6))
        )
        x = x + linear(w, f'{name}.ffn.layers.1', hidden)
    x = layer_norm(w, 'backbone.ln1', x, 1e-6)[-h * width :]
    return x.T.reshape(C, h, width)


def matcher(w: Weights, E: Tensor, tokens: Tensor) -> Tensor:
    """R of one image, C x h x w, and its tokens, L x D."""
    x = E.flatten(1).T
    if 'text_embed_proj.weight' in w:
        tokens = linear(w, 'text_embed_proj', tokens)
    both = torch.cat([x, tokens])
    q, k, v = (
        linear(w, f'matcher.{part}', y)
        for part, y in zip('qkv', (x, both, both), strict=True)
    )
    R = linear(w, 'matcher.proj', attend(q, k, v, MATCHER_HEADS)) + x
    return layer_norm(w, 'matcher.norm', R, 1e-5).T.reshape(E.shape)


def block(w: Weights, i: int, branch: int, x: Tensor) -> Tensor:
    """Deconvolution, batch norm with running statistics, ReLU."""
    start = f'head.deconv_layers.{i}'
    x = F.conv_transpose2d(x, w[f'{start}.deconv{branch}.weight'], stride=2, padding=1)
    weight, bias, mean, var = (
        w[f'{start}.bn{branch}.{last}'][:, None, None]
        for last in ('weight', 'bias', 'running_mean', 'running_var')
    )
    return ((x - mean) / (var + 1e-5).sqrt() * weight + bias).relu()


def heatmaps(w: Weights, image: Tensor, tokens: Tensor) -> Tensor:
    """H of one image, 3 x H x W, and its tokens, L x D."""
    E = backbone(w, image)
    R = matcher(w, E, tokens)
    a = block(w, 0, 1, E[None])
    m = block(w, 0, 0, (E + R)[None]) + a
    for i in range(1, NUM_BLOCKS):
        a = block(w, i, 1, m)
        m = block(w, i, 0, m) + a
    return F.conv2d(m, w['head.final_layer.weight'], w['head.final_layer.bias'])[0]
