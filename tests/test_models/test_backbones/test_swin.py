"""PromptedSwinTransformer against windows counted by hand, and its own particulars."""

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
            sources = [((y + s) % height, (x + s) % width) for y, x in places]
            tokens = torch.stack([padded[source] for source in sources])
            result = tiny.attend_in_window(tokens, hidden, prompts, attn.w_msa)
            for source, row in zip(sources, result, strict=True):
                out[source] = row
    return out[:H, :W].reshape(H * W, -1)


@torch.no_grad()
@pytest.mark.parametrize('deep', [True, False])
@pytest.mark.parametrize('stage', [0, 1])
@pytest.mark.parametrize('number', [0, 1], ids=['regular', 'shifted'])
def test_every_window_attends_to_the_prompts_of_its_block(
    deep: bool, stage: int, number: int
) -> None:
    model = tiny.build('swin', dict(num_tokens=3, deep=deep))
    block = model.stages[stage].blocks[number]
    assert (block.attn.shift_size > 0) == (number == 1)
    calls = tiny.record(block.attn)
    model(tiny.image('swin'))
    ((x, hw), _, got) = calls[0]
    assert any(side % 4 for side in hw)
    prompts = model.visual_prompts[stage][number if deep else 0]
    prompts = tiny.layer_norm(prompts, block.norm1)
    want = torch.stack([shifted_windows(each, hw, prompts, block.attn) for each in x])
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-4)


def gradients(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    (feature_map,) = model(x)
    model(x, tuned=False)
    feature_map.square().sum().backward()
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize('prompt', [dict(start_layer=1), dict(gate_init=0.5)])
def test_checkpointed_blocks_give_the_same_gradients(prompt: dict) -> None:
    kwargs = dict(visual_prompt=dict(num_tokens=3, **prompt), trained_layers=1)
    model = tiny.build('swin', **kwargs)
    checkpointed = tiny.build('swin', with_cp=True, **kwargs)
    checkpointed.load_state_dict(model.state_dict())
    runs = tiny.record(checkpointed.stages[1].blocks[1].attn)
    x = tiny.image('swin')
    want, got = gradients(model, x), gradients(checkpointed, x)
    assert len(runs) == 3  # with prompts, without, and once more in the backward pass
    assert got.keys() == want.keys() and 'visual_prompts.1' in got
    for name in got:
        torch.testing.assert_close(got[name], want[name])


def test_gradients_reach_the_position_bias_beside_prompts() -> None:
    model = tiny.build('swin', dict(num_tokens=3), trained_layers=1)
    block = model.stages[1].blocks[1]
    calls = tiny.record(block.attn)
    model(tiny.image('swin'))
    ((x, hw), _, got) = calls[0]
    table = block.attn.w_msa.relative_position_bias_table
    (grad,) = torch.autograd.grad(got.square().sum(), table, retain_graph=True)
    prompts = tiny.layer_norm(model.visual_prompts[1][1], block.norm1)
    want = torch.stack([shifted_windows(each, hw, prompts, block.attn) for each in x])
    (want,) = torch.autograd.grad(want.square().sum(), table)
    torch.testing.assert_close(grad, want, atol=1e-4, rtol=1e-3)


def test_loads_a_stock_checkpoint_that_has_more_outputs() -> None:
    original = tiny.build_original('swin', out_indices=(0, 1))
    model = tiny.build('swin', dict(num_tokens=3))
    model.load_state_dict(original.state_dict(), strict=False)
    x = tiny.image('swin')
    assert torch.equal(model(x, tuned=False)[0], original(x)[1])


def test_absolute_position_embeddings_are_frozen_too() -> None:
    model = tiny.build(
        'swin', trained_layers=4, use_abs_pos_embed=True, pretrain_img_size=(60, 44)
    )
    assert not model.absolute_pos_embed.requires_grad
    assert not model.patch_embed.projection.weight.requires_grad
    assert model.stages[0].blocks[0].norm1.weight.requires_grad


def test_frozen_stages_work_as_in_the_stock_backbone() -> None:
    model = tiny.build('swin', frozen_stages=1).train()
    assert [stage.training for stage in model.stages] == [False, True]
    assert not any(p.requires_grad for p in model.stages[0].parameters())
