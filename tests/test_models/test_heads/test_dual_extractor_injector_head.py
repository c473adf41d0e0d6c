"""DualExtractorInjectorHead against its wirings, and the original head inside."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.runner.checkpoint import load_state_dict
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from torch import Tensor

from tests.conftest import HEAD

WIRINGS = ['dual', 'extractor_injector', 'injector', 'released', 'entry']
NO_BLOCKS = dict(deconv_out_channels=None, deconv_kernel_sizes=None)


def build(head_type: str = 'DualExtractorInjectorHead', **kwargs) -> HeatmapHead:
    """Build a head with random weights and statistics in every place."""
    head = MODELS.build({'type': head_type, 'in_channels': 32, **HEAD, **kwargs})
    for tensor in head.state_dict().values():
        if tensor.is_floating_point():
            torch.nn.init.uniform_(tensor, 0.05, 0.3)
    return head.eval()


def feats() -> tuple[Tensor, Tensor]:
    return tuple(torch.randn(2, 2, 32, 4, 3).unbind(0))  # E, R


def block(weights: dict, branch: str, i: int, x: Tensor, norm: str | None = None) -> Tensor:
    """Deconvolution, batch norm with running statistics, ReLU."""
    x = F.conv_transpose2d(x, weights[f'{branch}.{3 * i}.weight'], stride=2, padding=1)
    bn = norm or f'{branch}.{3 * i + 1}'
    mean, var = weights[f'{bn}.running_mean'], weights[f'{bn}.running_var']
    x = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
    x = x * weights[f'{bn}.weight'][:, None, None] + weights[f'{bn}.bias'][:, None, None]
    return x.relu()


@pytest.mark.parametrize('wiring', WIRINGS)
@pytest.mark.parametrize(
    ('num_blocks', 'gate', 'tuned_norms'),
    [(1, None, False), (2, 0.7, False), (3, None, False), (3, 0.7, True)],
)
def test_equals_the_equations_of_the_wiring(
    num_blocks: int, gate: float | None, tuned_norms: bool, wiring: str
) -> None:
    head = build(
        wiring=wiring,
        gate_init=gate,
        tuned_norms=tuned_norms,
        deconv_out_channels=(16,) * num_blocks,
        deconv_kernel_sizes=(4,) * num_blocks,
    )
    w = head.state_dict()
    g, h = w.get('entry_gate', 1.0), w.get('exit_gate', 1.0)
    assert (gate is not None) == ('entry_gate' in w or 'exit_gate' in w)
    E, R = feats()

    def M(i: int, x: Tensor) -> Tensor:
        return block(w, 'deconv_layers', i, x, f'tuned_norms.{i}' if tuned_norms else None)

    def A(i: int, x: Tensor) -> Tensor:
        return block(w, 'aux_deconv_layers', i, x)

    if wiring == 'released':
        mixed = M(0, E + g * R) + h * A(0, E)
        for i in range(1, num_blocks):
            mixed = M(i, mixed) + h * A(i, mixed)
    elif wiring == 'entry':
        assert not any('aux_' in name or name == 'exit_gate' for name in w)
        mixed = M(0, E + g * R)
        for i in range(1, num_blocks):
            mixed = M(i, mixed)
    else:
        m, a = M(0, E + g * R if wiring == 'dual' else E), A(0, R)
        for i in range(1, num_blocks):
            a, m = A(i, a if wiring == 'injector' else a + m), M(i, m)
        mixed = m + h * a
    want = F.conv2d(mixed, w['tuned_final_layer.weight'], w['tuned_final_layer.bias'])
    torch.testing.assert_close(head((E, R)), want, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('gate', [None, 0.7])
def test_without_blocks_the_relation_is_added_once(gate: float | None) -> None:
    base, head = build('HeatmapHead', **NO_BLOCKS), build(gate_init=gate, **NO_BLOCKS)
    load_state_dict(head, base.state_dict())
    E, R = feats()
    assert torch.equal(head((E,)), base((E,)))
    h = 1.0 if gate is None else head.exit_gate
    torch.testing.assert_close(head((E, R)), base((E + h * R,)))


@pytest.mark.fast
@pytest.mark.parametrize('tuned_norms', [False, True])
def test_equals_the_loaded_original_without_relation_and_its_copies_start_from_it(
    tuned_norms: bool,
) -> None:
    base, head = build('HeatmapHead'), build(tuned_norms=tuned_norms)
    weights = base.state_dict()
    # Old checkpoints have no counters of batches.
    load_state_dict(head, {k: v for k, v in weights.items() if 'num_batches' not in k})
    E, _ = feats()
    assert torch.equal(head((E,)), base((E,)))
    for name, tensor in head.tuned_final_layer.state_dict().items():
        assert torch.equal(tensor, weights[f'final_layer.{name}'])
    assert len(head.tuned_norms) == 2 * tuned_norms
    for i, norm in enumerate(head.tuned_norms):
        for name in ('weight', 'bias', 'running_mean', 'running_var'):
            original = weights[f'deconv_layers.{3 * i + 1}.{name}']
            assert torch.equal(norm.state_dict()[name], original)
    # Once tuned, they are loaded.
    head.tuned_final_layer.weight.data.add_(1)
    other = build(tuned_norms=tuned_norms)
    load_state_dict(other, head.state_dict())
    assert torch.equal(other.tuned_final_layer.weight, head.tuned_final_layer.weight)


@pytest.mark.parametrize('wiring', WIRINGS)
def test_zero_gates_start_at_the_original_head(wiring: str) -> None:
    base = build('HeatmapHead')
    cfg = dict(in_channels=32, wiring=wiring, gate_init=0.0, **HEAD)
    head = MODELS.build(dict(type='DualExtractorInjectorHead', **cfg)).eval()
    load_state_dict(head, base.state_dict())
    E, R = feats()
    assert torch.equal(head((E, R)), base((E,)))
    head((E, R)).sum().backward()
    gates = [param for name, param in head.named_parameters() if name.endswith('_gate')]
    assert len(gates) == (2 if wiring in ('dual', 'released') else 1)
    assert all(gate.grad != 0 for gate in gates)


@pytest.mark.parametrize('tuned_norms', [False, True])
def test_training_changes_all_but_the_original_head_and_its_statistics(
    tuned_norms: bool,
) -> None:
    head = build(gate_init=0.5, tuned_norms=tuned_norms).train()
    before = copy.deepcopy(head.state_dict())
    optimizer = torch.optim.AdamW([p for p in head.parameters() if p.requires_grad], 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        head(feats()).square().sum().backward()
        optimizer.step()
    for name, tensor in head.state_dict().items():
        original = name.startswith(('deconv_layers.', 'final_layer.'))
        assert torch.equal(tensor, before[name]) == original, name


def test_refuses_checkpoints_of_another_head_and_loads_nothing() -> None:
    head = build()
    before = copy.deepcopy(head.state_dict())
    for other, error in (
        (build('HeatmapHead', deconv_out_channels=(8, 8)), 'deconv_layers.0.weight has sh'),
        (build(tuned_norms=True), 'tuned_norms.0.weight has no place'),
    ):
        with pytest.raises(ValueError, match=error):
            load_state_dict(head, other.state_dict())
    assert all(torch.equal(t, before[name]) for name, t in head.state_dict().items())


def test_refuses_bad_arguments() -> None:
    with pytest.raises(ValueError, match='no place for conv_out_channels'):
        build(conv_out_channels=(8,), conv_kernel_sizes=(1,))
    with pytest.raises(ValueError, match="'duel'; choose one of .*'injector', 'released'"):
        build(wiring='duel')
