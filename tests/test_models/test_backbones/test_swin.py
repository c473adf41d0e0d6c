"""PromptedSwinTransformer against windows counted by hand."""

import pytest
import torch
from torch import Tensor, nn

from tests.test_models.test_backbones import tiny


def shifted_windows(x: Tensor, hw: tuple[int, int], prompts: Tensor, attn: nn.Module):
    """Swin's attention for one image, hw x C, window by window."""
    (H, W), M, s = hw, attn.window_size, attn.shift_size
    height, width = -(-H // M) * M, -(-W // M) * M
    padded = torch.zeros(height, width, x.shape[-1])
    padded[:H, :W] = x.view(H, W, -1)

    def region(at: int, side: int) -> int:
        return 0 if not s or at < side - M else 1 if at < side - s else 2

    out = torch.zeros_like(padded)
    for top in range(0, height, M):
        for left in range(0, width, M):
            places = [(top + i // M, left + i % M) for i in range(M * M)]
            regions = [(region(y, height), region(x, width)) for y, x in places]
            hidden = torch.tensor(
                [[0.0 if a == b else -100.0 for b in regions] for a in regions]
            )
            y, z = torch.tensor(places).T
            source = (y + s) % height, (z + s) % width
            result = tiny.attend_in_window(padded[source], hidden, prompts, attn.w_msa)
            out[source] = result
    return out[:H, :W].reshape(H * W, -1)


@pytest.mark.parametrize('deep', [True, False])
def test_every_window_attends_to_the_prompts_of_its_block(deep: bool) -> None:
    model = tiny.build('swin', dict(num_tokens=3, deep=deep), trained_layers=1)
    places = [(stage, number) for stage in (0, 1) for number in (0, 1)]
    blocks = [model.stages[stage].blocks[number] for stage, number in places]
    calls = [tiny.record(block.attn) for block in blocks]
    model(tiny.image('swin'))
    for (stage, number), block, call in zip(places, blocks, calls, strict=True):
        assert (block.attn.shift_size > 0) == (number == 1)
        (((x, hw), _, got),) = call
        assert any(side % 4 for side in hw)
        prompts = model.visual_prompts[stage][number if deep else 0]
        prompts = tiny.layer_norm(prompts, block.norm1)
        want = torch.stack([shifted_windows(each, hw, prompts, block.attn) for each in x])
        torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-4)
    # Those of the last block, which is trained, reach the position bias.
    table = block.attn.w_msa.relative_position_bias_table
    grads = [
        torch.autograd.grad(output.square().sum(), table, retain_graph=True)[0]
        for output in (got, want)
    ]
    torch.testing.assert_close(*grads, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize('prompt', [dict(start_layer=1), dict(gate_init=0.5)])
def test_checkpointed_blocks_give_the_same_gradients(prompt: dict) -> None:
    kwargs = dict(visual_prompt=dict(num_tokens=3, **prompt), trained_layers=1)
    model = tiny.build('swin', **kwargs)
    checkpointed = tiny.build('swin', with_cp=True, **kwargs)
    checkpointed.load_state_dict(model.state_dict())
    runs = tiny.record(checkpointed.stages[1].blocks[1].attn)
    x = tiny.image('swin')
    gradients = []
    for each in (model, checkpointed):
        (feature_map,) = each(x)
        each(x, tuned=False)
        feature_map.square().sum().backward()
        params = each.named_parameters()
        gradients.append({n: p.grad for n, p in params if p.grad is not None})
    assert len(runs) == 3  # with prompts, without, and once more in the backward pass
    assert 'visual_prompts.1' in gradients[0]
    torch.testing.assert_close(*gradients)


def test_freezes_absolute_position_embeddings_and_mmposes_frozen_stages() -> None:
    absolute = dict(use_abs_pos_embed=True, pretrain_img_size=(60, 44))
    model = tiny.build('swin', trained_layers=4, **absolute)
    assert not model.absolute_pos_embed.requires_grad
    assert not model.patch_embed.projection.weight.requires_grad
    assert model.stages[0].blocks[0].norm1.weight.requires_grad
    model = tiny.build('swin', frozen_stages=1).train()
    assert [stage.training for stage in model.stages] == [False, True]
    assert not any(p.requires_grad for p in model.stages[0].parameters())


@pytest.mark.parametrize('kind', ['swin', 'pvt', 'pvtv2'])
def test_returns_the_last_stage_by_default(kind: str) -> None:
    model = tiny.build(kind, out_indices=None)
    (feature_map,) = model(tiny.image(kind))
    assert feature_map.shape[1] == model.out_channels
