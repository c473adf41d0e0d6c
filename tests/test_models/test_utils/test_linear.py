"""CastOnceLinear computes what a linear layer does, and converts its weights once."""

from collections.abc import Callable

import mmcv.cnn
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from vlpose_mm.models.utils.linear import CastOnceLinear, cast_once


class Conversions(TorchDispatchMode):
    """The shapes of tensors that are converted to another dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket is torch.ops.aten._to_copy:
            self.shapes.append(tuple(args[0].shape))
        return func(*args, **(kwargs or {}))


def run(layer: nn.Module, x: Tensor) -> tuple[Tensor, list[tuple[int, ...]]]:
    with torch.autocast('cpu', torch.bfloat16), Conversions() as conversions:
        return layer(x), conversions.shapes


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 5, 6)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('cls', [nn.Linear, mmcv.cnn.Linear])
@torch.no_grad()
def test_converts_weights_once_and_equals_a_linear_layer_to_the_bit(
    cls: Callable, bias: bool, x: Tensor
) -> None:
    plain = nn.Sequential(cls(6, 4, bias=bias)).eval()
    model = nn.Sequential(cls(6, 4, bias=bias)).eval()
    cast_once(model)
    assert type(model[0]) is CastOnceLinear
    model.load_state_dict(plain.state_dict())
    weights = [(4, 6), (4,)][: 1 + bias]
    for expected in ([*weights, x.shape], [x.shape]):
        y, converted = run(model, x)
        assert torch.equal(y, run(plain, x)[0]) and sorted(converted) == sorted(expected)
    assert torch.equal(model(x), plain(x))
    model[0].weight.add_(1)
    plain[0].weight.add_(1)
    assert torch.equal(run(model, x)[0], run(plain, x)[0])
    assert torch.equal(model.double()(x.double()), plain.double()(x.double()))


def test_in_training_frozen_weights_alone_are_converted_once(x: Tensor) -> None:
    layer = CastOnceLinear(6, 4).train()
    for _ in range(2):
        y, converted = run(layer, x)
        assert converted.count((4, 6)) == 1
        y.sum().backward()
    expected = 2 * x.bfloat16().float().sum((0, 1)).expand(4, 6)
    torch.testing.assert_close(layer.weight.grad, expected, atol=0.1, rtol=0.02)
    layer.requires_grad_(False)
    x.requires_grad_()
    run(layer, x)
    y, converted = run(layer, x)
    assert converted == [(2, 5, 6)]
    y.sum().backward()
    assert x.grad.shape == x.shape
    with torch.inference_mode():
        run(layer.eval(), x)
    # What was made in inference mode serves gradients.
    run(layer, x)[0].sum().backward()


@torch.no_grad()
def test_compiled_code_converts_by_itself(x: Tensor) -> None:
    layer = CastOnceLinear(6, 4).eval()
    compiled = torch.compile(layer, backend='eager', fullgraph=True)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(compiled(x), layer(x))
