"""DualExtractorInjectorHead against the wiring as drawn, and the original head inside."""

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
    for name, tensor in head.state_dict().items():
        if 'num_batches' not in name:
            torch.nn.init.uniform_(tensor, 0.05, 0.3)
    return head


def block(weights: dict, branch: str, i: int, x: Tensor) -> Tensor:
    """Deconvolution, batch norm with running statistics, ReLU."""
    x = F.conv_transpose2d(x, weights[f'{branch}.{3 * i}.weight'], stride=2, padding=1)
    bn = f'{branch}.{3 * i + 1}'
    mean, var = weights[f'{bn}.running_mean'], weights[f'{bn}.running_var']
    x = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
    x = x * weights[f'{bn}.weight'][:, None, None] + weights[f'{bn}.bias'][:, None, None]
    return x.relu()


@pytest.mark.parametrize('gate', [None, 0.7])
@pytest.mark.parametrize('num_blocks', [1, 2, 3])
def test_wiring_as_drawn(num_blocks: int, gate: float | None) -> None:
    head = build(
        gate_init=gate,
        deconv_out_channels=(16,) * num_blocks,
        deconv_kernel_sizes=(4,) * num_blocks,
    ).eval()
    w = head.state_dict()
    g, h = (1.0, 1.0) if gate is None else (w['entry_gate'], w['exit_gate'])
    E, R = torch.randn(2, 2, 32, 4, 3).unbind(0)
    m = [block(w, 'deconv_layers', 0, E + g * R)]
    a = [block(w, 'aux_deconv_layers', 0, R)]
    for i in range(1, num_blocks):
        a.append(block(w, 'aux_deconv_layers', i, a[-1] + m[-1]))
        m.append(block(w, 'deconv_layers', i, m[-1]))
    expected = F.conv2d(
        m[-1] + h * a[-1], w['tuned_final_layer.weight'], w['tuned_final_layer.bias']
    )
    torch.testing.assert_close(head((E, R)), expected, atol=1e-4, rtol=1e-4)


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


def test_zero_gates_start_exactly_at_the_original() -> None:
    stock = build('HeatmapHead').eval()
    head = MODELS.build(
        dict(type='DualExtractorInjectorHead', in_channels=32, gate_init=0.0, **HEAD)
    ).eval()
    load_state_dict(head, stock.state_dict())
    E, R = torch.randn(2, 2, 32, 4, 3).unbind(0)
    assert torch.equal(head((E, R)), stock((E,)))
    head((E, R)).sum().backward()
    assert head.entry_gate.grad != 0 and head.exit_gate.grad != 0


def test_training_leaves_the_original_head_and_its_statistics_alone() -> None:
    head = build(gate_init=0.5).train()
    before = copy.deepcopy(head.state_dict())
    optimizer = torch.optim.AdamW([p for p in head.parameters() if p.requires_grad], 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        head((torch.randn(2, 32, 4, 3), torch.randn(2, 32, 4, 3))).square().sum().backward()
        optimizer.step()
    for name, tensor in head.state_dict().items():
        original = name.startswith(('deconv_layers.', 'final_layer.'))
        assert torch.equal(tensor, before[name]) == original, name


def test_refuses_a_head_of_another_width_and_loads_nothing() -> None:
    head = build()
    before = copy.deepcopy(head.state_dict())
    wide = build('HeatmapHead', deconv_out_channels=(8, 8)).state_dict()
    with pytest.raises(ValueError, match='deconv_layers.0.weight has shape'):
        load_state_dict(head, wide)
    for name, tensor in head.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(deconv_out_channels=None, deconv_kernel_sizes=None),
        dict(conv_out_channels=(8,), conv_kernel_sizes=(1,)),
    ],
)
def test_refuses_heads_without_two_like_branches(kwargs: dict) -> None:
    with pytest.raises(ValueError, match='deconv_out_channels'):
        build(**kwargs)
