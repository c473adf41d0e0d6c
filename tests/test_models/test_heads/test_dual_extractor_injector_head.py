"""DualExtractorInjectorHead against its wirings, and the original head inside."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS
from torch import Tensor

from tests.conftest import HEAD


def build(head_type: str = 'DualExtractorInjectorHead', **kwargs) -> torch.nn.Module:
    """Build a head with random weights and statistics in every place."""
    head = MODELS.build({'type': head_type, 'in_channels': 32, **HEAD, **kwargs})
    for tensor in head.state_dict().values():
        if tensor.is_floating_point():
            torch.nn.init.uniform_(tensor, 0.05, 0.3)
    return head


def block(weights: dict, branch: str, i: int, x: Tensor, norm: str | None = None) -> Tensor:
    """Deconvolution, batch norm with running statistics, ReLU."""
    x = F.conv_transpose2d(x, weights[f'{branch}.{3 * i}.weight'], stride=2, padding=1)
    bn = norm or f'{branch}.{3 * i + 1}'
    mean, var = weights[f'{bn}.running_mean'], weights[f'{bn}.running_var']
    x = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
    x = x * weights[f'{bn}.weight'][:, None, None] + weights[f'{bn}.bias'][:, None, None]
    return x.relu()


@pytest.mark.parametrize('wiring', ['dual', 'extractor_injector', 'injector', 'released'])
@pytest.mark.parametrize('gate', [None, 0.7])
@pytest.mark.parametrize('num_blocks', [1, 2, 3])
def test_equals_the_equations_of_the_wiring(
    num_blocks: int, gate: float | None, wiring: str
) -> None:
    head = build(
        wiring=wiring,
        gate_init=gate,
        deconv_out_channels=(16,) * num_blocks,
        deconv_kernel_sizes=(4,) * num_blocks,
    ).eval()
    w = head.state_dict()
    g = w.get('entry_gate', 1.0)
    h = w.get('exit_gate', 1.0)
    assert (gate is not None) == ('exit_gate' in w)
    E, R = torch.randn(2, 2, 32, 4, 3).unbind(0)

    def M(i: int, x: Tensor) -> Tensor:
        return block(w, 'deconv_layers', i, x)

    def A(i: int, x: Tensor) -> Tensor:
        return block(w, 'aux_deconv_layers', i, x)

    if wiring == 'released':
        # The main branch takes in the auxiliary one after every block.
        m = M(0, E + g * R) + h * A(0, E)
        for i in range(1, num_blocks):
            m = M(i, m) + h * A(i, m)
        mixed = m
    else:
        m = M(0, E + g * R if wiring == 'dual' else E)
        a = A(0, R)
        for i in range(1, num_blocks):
            a, m = A(i, a if wiring == 'injector' else a + m), M(i, m)
        mixed = m + h * a
    expected = F.conv2d(mixed, w['tuned_final_layer.weight'], w['tuned_final_layer.bias'])
    torch.testing.assert_close(head((E, R)), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('gate', [None, 0.7])
def test_without_blocks_the_relation_meets_the_feature_map_once(
    gate: float | None,
) -> None:
    blocks = dict(deconv_out_channels=None, deconv_kernel_sizes=None)
    head = build(gate_init=gate, **blocks).eval()
    stock = build('HeatmapHead', **blocks).eval()
    load_state_dict(head, stock.state_dict())
    E, R = torch.randn(2, 2, 32, 4, 3).unbind(0)
    assert torch.equal(head((E,)), stock((E,)))
    h = 1.0 if gate is None else head.exit_gate
    torch.testing.assert_close(head((E, R)), stock((E + h * R,)))


def test_tuned_norms_are_read_by_the_main_blocks_on_the_tuned_route_alone() -> None:
    head = build(tuned_norms=True).eval()
    w = head.state_dict()
    E, R = torch.randn(2, 2, 32, 4, 3).unbind(0)
    m = block(w, 'deconv_layers', 0, E + R, 'tuned_norms.0')
    a = block(w, 'aux_deconv_layers', 0, R) + m
    m = block(w, 'deconv_layers', 1, m, 'tuned_norms.1')
    mixed = m + block(w, 'aux_deconv_layers', 1, a)
    expected = F.conv2d(mixed, w['tuned_final_layer.weight'], w['tuned_final_layer.bias'])
    torch.testing.assert_close(head((E, R)), expected, atol=1e-4, rtol=1e-4)
    stock = build('HeatmapHead').eval()
    load_state_dict(stock, {k: v for k, v in w.items() if k in stock.state_dict()})
    assert torch.equal(head((E,)), stock((E,)))


def test_tuned_norms_start_as_copies_of_the_loaded_ones_and_are_trained() -> None:
    stock, head, plain = build('HeatmapHead'), build(tuned_norms=True), build()
    # Old checkpoints have no counters of batches.
    weights = {k: v for k, v in stock.state_dict().items() if 'num_batches' not in k}
    load_state_dict(head, weights)
    for i, norm in enumerate(head.tuned_norms):
        for name, tensor in norm.state_dict().items():
            original = weights.get(f'deconv_layers.{3 * i + 1}.{name}', tensor)
            assert torch.equal(tensor, original)
    head.train()((torch.randn(2, 32, 4, 3), torch.randn(2, 32, 4, 3))).sum().backward()
    assert all(param.grad is not None for param in head.tuned_norms.parameters())
    for name, tensor in weights.items():
        assert torch.equal(head.state_dict()[name], tensor)
    assert not head.tuned_norms[0].running_mean.equal(
        weights['deconv_layers.1.running_mean']
    )
    with pytest.raises(ValueError, match='tuned_norms.0.weight has no place'):
        load_state_dict(plain, head.state_dict())


def test_loads_a_stock_head_by_name_and_is_it_on_the_original_path() -> None:
    stock, head = build('HeatmapHead').eval(), build().eval()
    # Old checkpoints have no counters of batches.
    weights = {k: v for k, v in stock.state_dict().items() if 'num_batches' not in k}
    load_state_dict(head, weights)
    E = torch.randn(2, 32, 4, 3)
    assert torch.equal(head((E,)), stock((E,)))


def test_the_tuned_predictor_starts_as_a_copy_of_the_loaded_one() -> None:
    stock, head = build('HeatmapHead'), build()
    load_state_dict(head, stock.state_dict())
    for name, tensor in stock.final_layer.state_dict().items():
        assert torch.equal(head.tuned_final_layer.state_dict()[name], tensor)
    head.tuned_final_layer.weight.data.add_(1)
    tuned = build()
    load_state_dict(tuned, head.state_dict())
    assert torch.equal(tuned.tuned_final_layer.weight, head.tuned_final_layer.weight)


@pytest.mark.parametrize('wiring', ['dual', 'extractor_injector', 'injector', 'released'])
def test_zero_gates_start_exactly_at_the_original(wiring: str) -> None:
    stock = build('HeatmapHead').eval()
    cfg = dict(in_channels=32, wiring=wiring, gate_init=0.0, **HEAD)
    head = MODELS.build(dict(type='DualExtractorInjectorHead', **cfg)).eval()
    load_state_dict(head, stock.state_dict())
    E, R = torch.randn(2, 2, 32, 4, 3).unbind(0)
    assert torch.equal(head((E, R)), stock((E,)))
    head((E, R)).sum().backward()
    gates = [param for name, param in head.named_parameters() if name.endswith('_gate')]
    assert len(gates) == (2 if wiring in ('dual', 'released') else 1)
    assert all(gate.grad != 0 for gate in gates)


def test_training_leaves_the_original_head_and_its_statistics_alone() -> None:
    head = build(gate_init=0.5).train()
    before = copy.deepcopy(head.state_dict())
    optimizer = torch.optim.AdamW([p for p in head.parameters() if p.requires_grad], 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        head((torch.randn(2, 32, 4, 3), torch.randn(2, 32, 4, 3))).square().sum().backward()
        optimizer.step()
    for name, tensor in head.state_dict().items():
        original = name.startswith(('deconv_layers.', 'final_layer.', 'wiring'))
        assert torch.equal(tensor, before[name]) == original, name


def test_refuses_a_head_of_another_width_and_loads_nothing() -> None:
    head = build()
    before = copy.deepcopy(head.state_dict())
    wide = build('HeatmapHead', deconv_out_channels=(8, 8)).state_dict()
    with pytest.raises(ValueError, match='deconv_layers.0.weight has shape'):
        load_state_dict(head, wide)
    for name, tensor in head.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_refuses_convolutions_between_the_blocks_and_the_predictor() -> None:
    with pytest.raises(ValueError, match='no place for conv_out_channels'):
        build(conv_out_channels=(8,), conv_kernel_sizes=(1,))


def test_an_unknown_wiring_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'duel'; choose one of .*'injector', 'released'"):
        build(wiring='duel')
