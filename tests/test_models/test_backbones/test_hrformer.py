"""PromptedHRFormer against windows counted by hand."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from tests.test_models.test_backbones import tiny

PROMPT = dict(num_tokens=3)


def padded_windows(x: Tensor, H: int, W: int, prompts: Tensor, block: nn.Module) -> Tensor:
    """HRFormer's attention for one image, HW x C, window by window."""
    M = block.attn.window_size[0]
    height, width = math.ceil(H / M) * M, math.ceil(W / M) * M
    top, left = (height - H) // 2, (width - W) // 2
    inner = slice(top, top + H), slice(left, left + W)
    padded = torch.zeros(height, width, x.shape[-1])
    padded[inner] = x.view(H, W, -1)
    real = torch.zeros(height, width, dtype=torch.bool)
    real[inner] = True
    # As in MMPose's backbone, which hides the padding only if both sides have some.
    masked = block.attn.with_pad_mask and height > H and width > W
    out = torch.zeros_like(padded)
    for y in range(0, height, M):
        for z in range(0, width, M):
            window = (slice(y, y + M), slice(z, z + M))
            hidden = torch.zeros(M * M)
            if masked:
                hidden[~real[window].flatten()] = -math.inf
            hidden, tokens = hidden.expand(M * M, -1), padded[window].flatten(0, 1)
            result = tiny.attend_in_window(tokens, hidden, prompts, block.attn.attn)
            out[window] = result.view(M, M, -1)
    return out[inner].reshape(H * W, -1)


def extra(**kwargs) -> dict:
    return {**copy.deepcopy(tiny.ORIGINAL['hrformer']['extra']), **kwargs}


@torch.no_grad()
@pytest.mark.parametrize(
    ('deep', 'with_rpe', 'with_pad_mask'),
    [
        (True, True, False),
        (True, True, True),
        (True, False, True),
        (True, False, False),
        (False, True, True),
    ],
)
def test_every_window_attends_to_the_prompts_of_its_block(
    deep: bool, with_rpe: bool, with_pad_mask: bool
) -> None:
    settings = extra(with_rpe=with_rpe, with_pad_mask=with_pad_mask)
    model = tiny.build('hrformer', dict(num_tokens=3, deep=deep), extra=settings)
    # Stage 4, second module, first step; in the narrowest and the widest branch. Before it
    # lie two steps each of stage 2 and 3 and of the first module.
    blocks = {branch: model.stage4[1].branches[branch][0] for branch in (0, 3)}
    calls = {branch: tiny.record(block.attn) for branch, block in blocks.items()}
    numbers = {0: 6, 3: 2} if deep else {0: 2, 3: 0}
    model(tiny.image('hrformer', batch=1))
    for branch, block in blocks.items():
        (((x, H, W), _, got),) = calls[branch]
        prompts = model.visual_prompts[branch][numbers[branch]]
        prompts = tiny.layer_norm(prompts, block.norm1)
        want = padded_windows(x[0], H, W, prompts, block)
        torch.testing.assert_close(got[0], want, atol=1e-5, rtol=1e-4)


def test_branches_of_fewer_blocks_have_fewer_prompts() -> None:
    uneven = extra()
    uneven['stage2']['num_blocks'] = (2, 1)
    model = tiny.build('hrformer', dict(num_tokens=3, gate_init=0.5), extra=uneven)
    assert [len(prompts) for prompts in model.visual_prompts] == [8, 7, 6, 4]
    assert len(model.visual_prompt_gates) == 8
    assert model(tiny.image('hrformer', batch=1))[0].shape == (1, 8, 24, 16)


def test_only_batch_norms_of_trained_layers_change_their_statistics() -> None:
    x = tiny.image('hrformer')
    for trained_layers, ends in ((0, ()), (1, ('.fuse_layers', '.1.ffn'))):
        model = tiny.build('hrformer', trained_layers=trained_layers).train()
        before = copy.deepcopy(dict(model.named_buffers()))
        model(x)
        buffers = model.named_buffers()
        changed = {n for n, buffer in buffers if not torch.equal(buffer, before[n])}
        assert all(n.startswith('stage4.1.') for n in changed)
        assert all(any(end in name for end in ends) for name in changed)
        assert all(any(end in name for name in changed) for end in ends)


def test_batch_norms_stay_frozen_when_converted_and_obey_norm_eval() -> None:
    model = tiny.build('hrformer', PROMPT)
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model).train()
    norms = [m for m in model.modules() if isinstance(m, nn.SyncBatchNorm)]
    assert model.norm1 in norms and not any(norm.training for norm in norms)
    model = tiny.build('hrformer', norm_eval=True).train()
    assert not model.norm1.training and model.conv1.training
