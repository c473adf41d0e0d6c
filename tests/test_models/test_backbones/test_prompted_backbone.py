"""What holds for every prompted form of MMPose's own backbones."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from torch import nn

from tests.test_models.test_backbones import tiny

every_kind = pytest.mark.parametrize('kind', tiny.KINDS)
PROMPT = dict(num_tokens=3)

# Sets x width of every parameter of prompts: deep, shallow, deep from the second layer on.
SETS = {
    'swin': ([(2, 8), (2, 16)], [(1, 8), (1, 16)], [(1, 8), (2, 16)]),
    'pvt': ([(2, 16), (2, 32)], [(1, 16), (1, 32)], [(1, 16), (2, 32)]),
    'pvtv2': ([(1, 8), (2, 16), (2, 32)], [(1, 8), (2, 16), (1, 32)], [(2, 16), (2, 32)]),
    'hrformer': (
        [(8, 8), (8, 16), (6, 24), (4, 32)],
        [(3, 8), (3, 16), (2, 24), (1, 32)],
        [(7, 8), (7, 16), (6, 24), (4, 32)],
    ),
}
# The first layer whose input only prompts of the second one have touched.
SECOND = {
    'swin': 'stages.0.blocks.1',
    'pvt': 'layers.0.1.2',
    'pvtv2': 'layers.1.1.0',
    'hrformer': 'stage2.0.branches.0.1',
}
# Where the parameters of the last layer and of what follows it lie.
LAST = {
    'swin': ('stages.1.blocks.1.', 'norm1.'),
    'pvt': ('layers.1.1.2.', 'layers.1.2.'),
    'pvtv2': ('layers.3.1.1.', 'layers.3.2.'),
    'hrformer': (
        *(f'stage4.1.branches.{branch}.1.' for branch in range(4)),
        'stage4.1.fuse_layers.',
    ),
}
STEMS = ('patch_embed', 'layers.0.0', 'layers.0.1.0.pos', 'conv', 'bn', 'layer1.')
STEMS += ('transition1.',)


def sets(model: nn.Module) -> list[tuple[int, int]]:
    assert all(prompts.shape[1] == 3 for prompts in model.visual_prompts)
    return [(prompts.shape[0], prompts.shape[2]) for prompts in model.visual_prompts]


def trained(model: nn.Module) -> set[str]:
    """Names of what is trained, without prompts."""
    params = model.named_parameters()
    return {n for n, p in params if p.requires_grad and not n.startswith('visual_prompt')}


@pytest.mark.fast
@torch.no_grad()
@every_kind
def test_without_prompts_equals_mmposes_backbone(kind: str) -> None:
    original, plain = tiny.build_original(kind), tiny.build(kind)
    prompted = tiny.build(kind, PROMPT)
    names = set(original.state_dict())
    assert names == set(plain.state_dict())
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
@pytest.mark.parametrize('deep', [True, False], ids=['deep', 'shallow'])
def test_layers_have_their_own_sets_or_share_them_in_a_stage(kind: str, deep: bool) -> None:
    model = tiny.build(kind, dict(num_tokens=3, deep=deep))
    assert sets(model) == SETS[kind][not deep]
    for name, param in model.named_parameters():
        assert param.requires_grad == name.startswith('visual_prompts.')
    model(tiny.image(kind))[0].square().sum().backward()
    for prompts in model.visual_prompts:
        assert (prompts.grad.abs().sum((1, 2)) > 0).all()


@every_kind
def test_layers_before_start_layer_run_plain_and_without_a_graph(kind: str) -> None:
    model = tiny.build(kind, dict(num_tokens=3, start_layer=1, gate_init=0.5))
    assert sets(model) == SETS[kind][2]
    assert len(model.visual_prompt_gates) == tiny.NUM_LAYERS[kind] - 1
    original = tiny.build_original(kind).requires_grad_(False)
    load_state_dict(model, original.state_dict())
    calls, expected = (
        tiny.record(m.get_submodule(SECOND[kind])) for m in (model, original)
    )
    x = tiny.image(kind)
    model(x)[0].square().sum().backward()
    original(x)
    (((got, *_), _, output),), (((want, *_), _, plain),) = calls, expected
    assert torch.equal(got, want) and not got.requires_grad
    assert not torch.allclose(output, plain) and output.requires_grad
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    last = tiny.build(kind, dict(num_tokens=3, start_layer=tiny.NUM_LAYERS[kind] - 1))
    assert {num for num, _ in sets(last)} == {1}


@every_kind
def test_gates_lead_from_mmposes_backbone_to_ungated_prompts(kind: str) -> None:
    original = tiny.build_original(kind).requires_grad_(False)
    gated = tiny.build(kind, dict(num_tokens=3, gate_init=0.0))
    load_state_dict(gated, original.state_dict())
    x = tiny.image(kind)
    # The first layer, whose input no prompt has changed.
    calls = tiny.record(gated._readers[0].site.attn)
    (got,) = gated(x)
    assert torch.equal(got, original(x)[0])
    got.square().sum().backward()
    assert gated.visual_prompt_gates.grad.shape == (tiny.NUM_LAYERS[kind],)
    assert (gated.visual_prompt_gates.grad != 0).all()
    with torch.no_grad():
        for gate in (0.25, 1.0):
            gated.visual_prompt_gates.fill_(gate)
            (got,) = gated(x)
        plain, quarter, full = (c[2][0] if isinstance(c[2], tuple) else c[2] for c in calls)
        want = 0.75 * plain + 0.25 * full
        torch.testing.assert_close(quarter, want, atol=1e-5, rtol=1e-5)
        ungated = tiny.build(kind, PROMPT)
        weights = gated.state_dict()
        ungated.load_state_dict({k: v for k, v in weights.items() if 'gates' not in k})
        torch.testing.assert_close(got, ungated(x)[0], atol=1e-4, rtol=1e-4)


@every_kind
def test_runs_in_bfloat16_autocast(kind: str) -> None:
    model = tiny.build(kind, PROMPT)
    x = tiny.image(kind)
    (want,) = model(x)
    with torch.autocast('cpu', torch.bfloat16):
        (got,) = model(x)
    atol = 0.05 * want.abs().max().item()
    torch.testing.assert_close(got.float(), want, atol=atol, rtol=0.0)
    got.float().square().sum().backward()
    assert all(prompts.grad.isfinite().all() for prompts in model.visual_prompts)


@torch.no_grad()
@every_kind
def test_a_failed_forward_a_copy_and_a_pickle_leave_the_model_as_it_is(kind: str) -> None:
    model = tiny.build(kind, dict(num_tokens=3, gate_init=0.5))
    x = tiny.image(kind)
    (plain,), (prompted,) = model(x, tuned=False), model(x)

    def fail(*args: object) -> None:
        raise RuntimeError('out of memory')

    handle = model._readers[-1].site.attn.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match='out of memory'):
        model(x)
    handle.remove()
    assert torch.equal(model(x, tuned=False)[0], plain)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(x)[0], prompted)
        other.visual_prompts[0].zero_()
        assert not torch.equal(other(x)[0], prompted)
        assert torch.equal(model(x)[0], prompted)


def bad_arguments() -> list[tuple[str, dict, str]]:
    several = copy.deepcopy(tiny.ORIGINAL['hrformer']['extra'])
    several['stage4']['multiscale_output'] = True
    bad = [('hrformer', dict(extra=several), 'multiscale_output must be False')]
    for kind, count in tiny.NUM_LAYERS.items():
        start = dict(num_tokens=3, start_layer=count)
        bad += [
            (kind, dict(visual_prompt=dict(num_tokens=0)), 'num_tokens must be'),
            (kind, dict(visual_prompt=start), rf'start_layer .* \[0, {count - 1}\]'),
            (kind, dict(trained_layers=count + 1), rf'trained_layers .* \[0, {count}\]'),
            (kind, dict(lora=dict(rank=2)), 'no low-rank updates'),
        ]
        if kind in ('swin', 'hrformer'):
            for kwargs in (dict(visual_prompt=PROMPT), dict(trained_layers=1)):
                frozen = dict(frozen_stages=1, **kwargs)
                bad.append((kind, frozen, 'frozen_stages=1 goes neither'))
        if kind != 'hrformer':
            last = tiny.ORIGINAL[kind]['out_indices'][0]
            for indices in ([0], [0, last], list(range(last + 1))):
                bad.append((kind, dict(out_indices=indices), 'out_indices must be'))
    return bad


@pytest.mark.parametrize(('kind', 'kwargs', 'fault'), bad_arguments())
def test_bad_arguments_are_refused(kind: str, kwargs: dict, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        tiny.build(kind, **kwargs)


@every_kind
@pytest.mark.parametrize('prompt', [None, PROMPT], ids=['plain', 'prompted'])
def test_trained_layers_counts_from_the_end(kind: str, prompt: dict | None) -> None:
    original = {name for name, _ in tiny.build_original(kind).named_parameters()}
    assert trained(tiny.build(kind, prompt)) == (set() if prompt else original)
    assert not trained(tiny.build(kind, prompt, trained_layers=0))
    model = tiny.build(kind, prompt, trained_layers=1).train()
    assert trained(model) == {name for name in original if name.startswith(LAST[kind])}
    model(tiny.image(kind))[0].square().sum().backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    whole = tiny.build(kind, prompt, trained_layers=tiny.NUM_LAYERS[kind])
    stem = original - trained(whole)
    assert stem and all(name.startswith(STEMS) for name in stem)


@every_kind
def test_frozen_parts_stay_in_eval_mode(kind: str) -> None:
    assert all(module.training for module in tiny.build(kind).train().modules())
    x = tiny.image(kind)
    for kwargs in (dict(visual_prompt=PROMPT), dict(trained_layers=0)):
        model = tiny.build(kind, **kwargs)
        assert model.train() is model and model.training
        parts = [m for n, m in model.named_modules() if n and 'visual_prompt' not in n]
        assert not any(module.training for module in parts)
        before = copy.deepcopy(model.state_dict())
        assert torch.equal(model(x)[0], model(x)[0])
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, before[name])
        assert model.eval() is model and not model.training

    model = tiny.build(kind, PROMPT, trained_layers=1).train()
    for name, module in model.named_modules():
        holds_trained = any(start.startswith(f'{name}.') for start in LAST[kind])
        if name and not holds_trained and not name.startswith('visual_prompt'):
            assert module.training == f'{name}.'.startswith(LAST[kind]), name
    assert not torch.equal(model(x)[0], model(x)[0])


@every_kind
def test_loads_its_own_checkpoint_which_init_weights_keeps_in_the_prompts(
    kind: str,
) -> None:
    prompt = dict(num_tokens=3, start_layer=1, gate_init=0.5)
    model, other = tiny.build(kind, prompt), tiny.build(kind, prompt)
    load_state_dict(other, model.state_dict(), strict=True)
    x = tiny.image(kind)
    assert torch.equal(other(x)[0], model(x)[0])
    other.init_weights()
    before, after = model.state_dict(), other.state_dict()
    same = {name for name in after if torch.equal(after[name], before[name])}
    assert {name for name in after if name.startswith('visual_prompt')} <= same
    assert not all(name in same for name, _ in model.named_parameters())


def without(*ends: str) -> Callable:
    return lambda weights: {k: v for k, v in weights.items() if not k.endswith(ends)}


@every_kind
def test_loads_mmposes_checkpoint_without_what_follows_from_the_config(kind: str) -> None:
    original = tiny.build_original(kind).requires_grad_(False)
    follows = without('relative_position_index', 'num_batches_tracked')
    weights = follows(original.state_dict())
    model = nn.ModuleDict(dict(backbone=tiny.build(kind, PROMPT)))
    load_state_dict(model, {f'backbone.{name}': v for name, v in weights.items()})
    x = tiny.image(kind)
    assert torch.equal(model['backbone'](x, tuned=False)[0], original(x)[0])


@pytest.mark.parametrize('kind', ['swin', 'hrformer'])
def test_loads_mmposes_checkpoint_that_has_more_outputs(kind: str) -> None:
    more = dict(out_indices=(0, 1))
    if kind == 'hrformer':
        more = dict(extra=copy.deepcopy(tiny.ORIGINAL[kind]['extra']))
        more['extra']['stage4']['multiscale_output'] = True
    original = tiny.build_original(kind, **more)
    model = tiny.build(kind, PROMPT)
    model.load_state_dict(original.state_dict(), strict=False)
    x = tiny.image(kind)
    want = original(x)[more.get('out_indices', (0, 0))[1]]
    assert torch.equal(model(x, tuned=False)[0], want)


@every_kind
def test_a_checkpoint_that_does_not_match_is_refused(kind: str) -> None:
    model = tiny.build(kind, dict(num_tokens=3, gate_init=0.5))
    weights = {k: v for k, v in model.state_dict().items() if v.ndim}
    before = copy.deepcopy(model.state_dict())
    bad = {
        'fits no part': {f'other.{name}': tensor for name, tensor in weights.items()},
        'has shape': {name: torch.cat([v, v]) for name, v in weights.items()},
        'visual_prompts.7 has no place': {
            **weights,
            'visual_prompts.7': weights['visual_prompts.0'],
        },
    }
    for name in ('norm1.bias', 'visual_prompt_gates', 'visual_prompts.1'):
        bad[f'{name} is missing'] = without(name)(weights)
    for fault, changed in bad.items():
        with pytest.raises(ValueError, match=fault):
            load_state_dict(model, changed)
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, before[name])
