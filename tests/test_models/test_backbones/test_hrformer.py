"""PromptedHRFormer against windows counted by hand, and its own particulars."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from tests.test_models.test_backbones import tiny


def padded_windows(x: Tensor, H: int, W: int, prompts: Tensor, block: nn.Module) -> Tensor:
    """HRFormer's attention for one image, HW x C, window by window."""
    M = block.attn.window_size[0]
    height, width = math.ceil(H / M) * M, math.ceil(W / M) * M
    top, left = (height - H) // 2, (width - W) // 2
    padded = torch.zeros(height, width, x.shape[-1])
    padded[top : top + H, left : left + W] = x.view(H, W, -1)
    real = torch.zeros(height, width, dtype=torch.bool)
    real[top : top + H, left : left + W] = True
    # As in the original backbone, which hides the padding only if both sides have some.
    masked = block.attn.with_pad_mask and height > H and width > W

    out = torch.zeros_like(padded)
    for y in range(0, height, M):
        for z in range(0, width, M):
            window = (slice(y, y + M), slice(z, z + M))
            hidden = torch.zeros(M * M)
            if masked:
                hidden[~real[window].flatten()] = -math.inf
            result = tiny.attend_in_window(
                padded[window].flatten(0, 1),
                hidden.expand(M * M, -1),
                prompts,
                block.attn.attn,
            )
            out[window] = result.view(M, M, -1)
    return out[top : top + H, left : left + W].reshape(H * W, -1)


def extra(**kwargs) -> dict:
    return {**copy.deepcopy(tiny.ORIGINAL['hrformer']['extra']), **kwargs}


@torch.no_grad()
@pytest.mark.parametrize('deep', [True, False])
@pytest.mark.parametrize(
    ('with_rpe', 'with_pad_mask'),
    [(True, False), (True, True), (False, True), (False, False)],
)
def test_every_window_attends_to_the_prompts_of_its_block(
    deep: bool, with_rpe: bool, with_pad_mask: bool
) -> None:
    model = tiny.build(
        'hrformer',
        dict(num_tokens=3, deep=deep),
        extra=extra(with_rpe=with_rpe, with_pad_mask=with_pad_mask),
    )
    # Stage 4, second module, first step; in the narrowest and the widest branch.
    blocks = [model.stage4[1].branches[branch][0] for branch in (0, 3)]
    calls = [tiny.record(block.attn) for block in blocks]
    model(tiny.image('hrformer', batch=1))
    # Before it lie two steps each of stage 2 and 3 and of the first module.
    sets = (6, 2) if deep else (2, 0)
    for block, call, prompts, number in zip(
        blocks, calls, (model.visual_prompts[0], model.visual_prompts[3]), sets, strict=True
    ):
        ((x, H, W), _, got) = call[0]
        prompts = tiny.layer_norm(prompts[number], block.norm1)
        want = torch.stack([padded_windows(each, H, W, prompts, block) for each in x])
        torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-4)


def test_loads_a_stock_checkpoint_that_has_more_outputs() -> None:
    several = extra()
    several['stage4']['multiscale_output'] = True
    original = tiny.build_original('hrformer', extra=several)
    model = tiny.build('hrformer', dict(num_tokens=3))
    model.load_state_dict(original.state_dict(), strict=False)
    x = tiny.image('hrformer')
    assert torch.equal(model(x, tuned=False)[0], original(x)[0])


def test_refuses_several_feature_maps() -> None:
    several = extra()
    several['stage4']['multiscale_output'] = True
    with pytest.raises(ValueError, match='multiscale_output must be False'):
        tiny.build('hrformer', extra=several)


def test_branches_of_fewer_blocks_have_fewer_prompts() -> None:
    uneven = extra()
    uneven['stage2']['num_blocks'] = (2, 1)
    model = tiny.build('hrformer', dict(num_tokens=3, gate_init=0.5), extra=uneven)
    assert [len(prompts) for prompts in model.visual_prompts] == [8, 7, 6, 4]
    assert len(model.visual_prompt_gates) == 8
    assert model(tiny.image('hrformer', batch=1))[0].shape == (1, 8, 24, 16)


def test_batch_norms_keep_their_statistics_where_frozen_alone() -> None:
    x = tiny.image('hrformer')
    for trained_layers, changed in ((0, False), (1, True)):
        model = tiny.build('hrformer', trained_layers=trained_layers).train()
        before = copy.deepcopy(dict(model.named_buffers()))
        model(x)
        names = {
            name
            for name, buffer in model.named_buffers()
            if not torch.equal(buffer, before[name])
        }
        assert bool(names) == changed
        assert all(name.startswith('stage4.1.') for name in names)
    fuse = {name for name in names if name.startswith('stage4.1.fuse_layers')}
    second_blocks = {name for name in names if '.branches.' in name and '.1.ffn' in name}
    assert fuse and second_blocks and fuse | second_blocks == names


def test_norm_eval_works_as_in_the_stock_backbone() -> None:
    model = tiny.build('hrformer', norm_eval=True).train()
    assert not model.norm1.training and model.conv1.training


def test_frozen_batch_norms_stay_frozen_when_they_are_converted() -> None:
    model = tiny.build('hrformer', dict(num_tokens=3))
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model).train()
    norms = [m for m in model.modules() if isinstance(m, nn.SyncBatchNorm)]
    assert model.norm1 in norms and not any(norm.training for norm in norms)
