"""PromptedPyramidVisionTransformer (V2) against textbook attention."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.test_models.test_backbones import tiny


def reduced_attention(
    x: Tensor, hw: tuple[int, int], prompts: Tensor, attn: nn.Module
) -> Tensor:
    """PVT's attention for one image, hw x C, without its identity."""
    memory, mha = x, attn.attn
    if attn.sr_ratio > 1:
        grid = x.T.reshape(1, -1, *hw)
        grid = F.conv2d(grid, attn.sr.weight, attn.sr.bias, stride=attn.sr_ratio)
        memory = tiny.layer_norm(grid[0].flatten(1).T, attn.norm)
        prompts = tiny.layer_norm(prompts, attn.norm)
    memory = torch.cat([prompts, memory])
    bias = torch.zeros(mha.num_heads, len(x), len(memory))
    weights = (mha.in_proj_weight, mha.in_proj_bias)
    weights += (mha.out_proj.weight, mha.out_proj.bias)
    return tiny.attend(x, memory, bias, weights, mha.num_heads)


@torch.no_grad()
@pytest.mark.parametrize('deep', [True, False])
@pytest.mark.parametrize(
    ('kind', 'stage', 'number', 'group'),
    # Stages 1 and 2 of this PVTv2 are of one width, so their prompts form one group.
    [('pvt', 0, 1, 0), ('pvt', 1, 0, 1), ('pvtv2', 0, 0, 0), ('pvtv2', 3, 1, 2)],
)
def test_queries_attend_to_the_prompts_beside_the_reduced_grid(
    kind: str, stage: int, number: int, group: int, deep: bool
) -> None:
    model = tiny.build(kind, dict(num_tokens=3, deep=deep))
    layer = [block for block in model.layers[stage][1] if hasattr(block, 'attn')][number]
    calls = tiny.record(layer.attn)
    model(tiny.image(kind))
    (((x, hw), kwargs, got),) = calls
    prompts = model.visual_prompts[group][number if deep else 0]
    if layer.attn.sr_ratio == 1:
        prompts = tiny.layer_norm(prompts, layer.norm1)
    want = [reduced_attention(each, hw, prompts, layer.attn) for each in x]
    want = kwargs['identity'] + torch.stack(want)
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-4)
