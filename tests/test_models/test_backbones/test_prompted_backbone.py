"""What holds for every prompted form of MMPose's own backbones."""

import copy
import pickle

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from torch import nn

from tests.test_models.test_backbones import tiny

every_kind = pytest.mark.parametrize('kind', tiny.KINDS)
every_mode = pytest.mark.parametrize('deep', [True, False], ids=['deep', 'shallow'])

# Sets x width of every parameter of prompts.
SETS = {
    ('swin', True): [(2, 8), (2, 16)],
    ('swin', False): [(1, 8), (1, 16)],
    ('pvt', True): [(2, 16), (2, 32)],
    ('pvt', False): [(1, 16), (1, 32)],
    ('pvtv2', True): [(1, 8), (2, 16), (2, 32)],
    ('pvtv2', False): [(1, 8), (2, 16), (1, 32)],
    ('hrformer', True): [(8, 8), (8, 16), (6, 24), (4, 32)],
    ('hrformer', False): [(3, 8), (3, 16), (2, 24), (1, 32)],
}
# The same from the second layer on, deep.
SETS_FROM_SECOND = {
    'swin': [(1, 8), (2, 16)],
    'pvt': [(1, 16), (2, 32)],
    'pvtv2': [(2, 16), (2, 32)],
    'hrformer': [(7, 8), (7, 16), (6, 24), (4, 32)],
}
# The first layer whose input only prompts of the second one have touched.
SECOND = {
    'swin': 'stages.0.blocks.1',
    'pvt': 'layers.0.1.2',
    'pvtv2': 'layers.1.1.0',
    'hrformer': 'stage2.0.branches.0.1',
}


def sets(model: nn.Module) -> list[tuple[int, int]]:
    assert all(prompts.shape[1] == 3 for prompts in model.visual_prompts)
    return [(prompts.shape[0], prompts.shape[2]) for prompts in model.visual_prompts]


@pytest.mark.fast
@torch.no_grad()
@every_kind
def test_without_prompts_equals_mmposes_backbone_exactly(kind: str) -> None:
    original = tiny.build_original(kind)
    prompted = tiny.build(kind, dict(num_tokens=3))
    plain = tiny.build(kind)
    names = set(plain.state_dict())
    assert names == set(original.state_dict())
    assert names == {n for n in prompted.state_dict() if not n.startswith('visual_prompt')}

    x = tiny.image(kind)
    for model in (plain, prompted):
        load_state_dict(model, original.state_dict())
        # PyTorch multiplies frozen matrices in another order here and there.
        original.requires_grad_(model is plain)
        (want,) = original(x)
        (got,) = model(x, tuned=False)
        assert torch.equal(got, want)
        assert got.shape[1] == model.out_channels
        assert torch.equal(model(x)[0], want) == (model is plain)
    assert not torch.allclose(prompted(x)[0], want, atol=1e-3)
    assert torch.equal(prompted(x, tuned=False)[0], want)


@every_kind
@every_mode
def test_layers_have_sets_of_their_own_or_share_their_stages(kind: str, deep: bool) -> None:
    model = tiny.build(kind, dict(num_tokens=3, deep=deep))
    assert sets(model) == SETS[kind, deep]
    for name, param in model.named_parameters():
        assert param.requires_grad == name.startswith('visual_prompts.')
    model(tiny.image(kind))[0].square().sum().backward()
    for prompts in model.visual_prompts:
        assert (prompts.grad.abs().sum((1, 2)) > 0).all()


@every_kind
def test_layers_before_start_layer_run_plain_and_without_a_graph(kind: str) -> None:
    model = tiny.build(kind, dict(num_tokens=3, start_layer=1, gate_init=0.5))
    assert sets(model) == SETS_FROM_SECOND[kind]
    assert len(model.visual_prompt_gates) == tiny.NUM_LAYERS[kind] - 1
    original = tiny.build_original(kind).requires_grad_(False)
    load_state_dict(model, original.state_dict())
    calls = tiny.record(model.get_submodule(SECOND[kind]))
    original_calls = tiny.record(original.get_submodule(SECOND[kind]))
    x = tiny.image(kind)
    model(x)[0].square().sum().backward()
    original(x)
    ((given, *_), _, output), ((original_given, *_), _, original_output) = (
        calls[0],
        original_calls[0],
    )
    assert torch.equal(given, original_given) and not given.requires_grad
    assert not torch.allclose(output, original_output) and output.requires_grad
    assert all(
        param.grad is not None for param in model.parameters() if param.requires_grad
    )


@every_kind
def test_start_layer_reaches_the_last_layer_and_ends_there(kind: str) -> None:
    last = tiny.NUM_LAYERS[kind] - 1
    model = tiny.build(kind, dict(num_tokens=3, start_layer=last))
    num_sites = 4 if kind == 'hrformer' else 1
    assert [num for num, _ in sets(model)] == [1] * num_sites
    with pytest.raises(ValueError, match=rf'start_layer must be .* \[0, {last}\]'):
        tiny.build(kind, dict(num_tokens=3, start_layer=last + 1))


@every_kind
def test_gated_prompts_start_exactly_at_mmposes_backbone_and_end_as_ungated(
    kind: str,
) -> None:
    original = tiny.build_original(kind).requires_grad_(False)
    gated = tiny.build(kind, dict(num_tokens=3, gate_init=0.0))
    load_state_dict(gated, original.state_dict())
    x = tiny.image(kind)
    (got,) = gated(x)
    assert torch.equal(got, original(x)[0])
    got.square().sum().backward()
    assert gated.visual_prompt_gates.grad.shape == (tiny.NUM_LAYERS[kind],)
    assert (gated.visual_prompt_gates.grad != 0).all()

    gated.visual_prompt_gates.data.fill_(1.0)
    ungated = tiny.build(kind, dict(num_tokens=3))
    weights = {k: v for k, v in gated.state_dict().items() if k != 'visual_prompt_gates'}
    ungated.load_state_dict(weights)
    torch.testing.assert_close(gated(x)[0], ungated(x)[0], atol=1e-4, rtol=1e-4)


@torch.no_grad()
@every_kind
def test_a_gate_scales_what_prompts_change_in_an_attention(kind: str) -> None:
    model = tiny.build(kind, dict(num_tokens=3, gate_init=0.25))
    # The first layer, whose input no prompt has changed.
    attn = model._readers[0][0].attn
    calls = tiny.record(attn)
    x = tiny.image(kind)
    model(x, tuned=False)
    model(x)
    model.visual_prompt_gates.fill_(1.0)
    model(x)
    plain, quarter, full = (
        output[0] if isinstance(output, tuple) else output for _, _, output in calls
    )
    torch.testing.assert_close(quarter, 0.75 * plain + 0.25 * full, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@every_kind
def test_prompts_are_removed_when_a_forward_fails(kind: str) -> None:
    model = tiny.build(kind, dict(num_tokens=3, gate_init=0.5))
    x = tiny.image(kind)
    (plain,), (prompted,) = model(x, tuned=False), model(x)
    last = model._readers[-1][0].attn

    def fail(*args: object) -> None:
        raise RuntimeError('out of memory')

    handle = last.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match='out of memory'):
        model(x)
    handle.remove()
    assert torch.equal(model(x, tuned=False)[0], plain)
    assert torch.equal(model(x)[0], prompted)


@every_kind
def test_runs_in_bfloat16_autocast(kind: str) -> None:
    model = tiny.build(kind, dict(num_tokens=3))
    x = tiny.image(kind)
    (want,) = model(x)
    with torch.autocast('cpu', torch.bfloat16):
        (got,) = model(x)
    torch.testing.assert_close(
        got.float(), want, atol=0.05 * want.abs().max().item(), rtol=0.0
    )
    got.float().square().sum().backward()
    assert all(prompts.grad.isfinite().all() for prompts in model.visual_prompts)


@torch.no_grad()
@every_kind
def test_copies_and_pickles_read_their_own_prompts(kind: str) -> None:
    model = tiny.build(kind, dict(num_tokens=3))
    x = tiny.image(kind)
    (want,) = model(x)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(x)[0], want)
        other.visual_prompts[0].zero_()
        assert not torch.equal(other(x)[0], want)
        assert torch.equal(model(x)[0], want)


@every_kind
def test_refuses_bad_settings(kind: str) -> None:
    with pytest.raises(ValueError, match='num_tokens must be'):
        tiny.build(kind, dict(num_tokens=0))


@pytest.mark.parametrize('kind', ['swin', 'pvt', 'pvtv2'])
def test_returns_the_last_stage_by_default_and_no_other(kind: str) -> None:
    last = tiny.ORIGINAL[kind]['out_indices'][0]
    default = tiny.build(kind, out_indices=None)
    (feature_map,) = default(tiny.image(kind))
    assert feature_map.shape[1] == default.out_channels
    for out_indices in [(0,), (0, last), list(range(last + 1))]:
        with pytest.raises(ValueError, match='out_indices must be'):
            tiny.build(kind, out_indices=out_indices)
