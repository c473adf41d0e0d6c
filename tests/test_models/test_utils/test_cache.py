"""What follows from weights is computed once, and again when they change."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from torch import Tensor, nn

from vlpose_mm.models.utils.cache import WeightCache


class Doubled(nn.Module):
    """Twice its weight; counts how often that was computed."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.remembered = WeightCache()
        self.count = 0
        self.eval()

    def forward(self) -> Tensor:
        return self.remembered.get([self.weight], self._double)

    def _double(self) -> Tensor:
        self.count += 1
        return 2 * self.weight


def step(module: Doubled, fused: bool = False) -> None:
    """Write as an optimizer does."""
    optimizer = torch.optim.AdamW(module.parameters(), lr=1.0, fused=fused)
    module.weight.grad = torch.ones(3)
    optimizer.step()


def fused_step(module: Doubled) -> None:
    """Write between two validations as an optimizer that PyTorch does not count."""
    module.train()
    step(module, fused=True)
    module.eval()


def swap(module: Doubled) -> None:
    """Write as MMEngine does with averaged weights before a validation."""
    hook = EMAHook()
    hook.src_model, hook.ema_model = module, ExponentialMovingAverage(module)
    hook.ema_model.module.weight.data.add_(1)
    hook._swap_ema_parameters()
    module.eval()


CHANGES = dict(
    in_place=lambda module: module.weight.detach().add_(1),
    a_step=step,
    a_fused_step=fused_step,
    averaged=swap,
    loading=lambda module: module.load_state_dict(dict(weight=torch.arange(3.0))),
    converting=lambda module: module.double(),
    another=lambda module: setattr(module, 'weight', nn.Parameter(torch.zeros(3))),
)


@torch.no_grad()
def test_it_is_computed_once() -> None:
    module = Doubled()
    assert module() is module()
    assert module.count == 1


@torch.no_grad()
def test_nothing_is_remembered_in_training() -> None:
    # Checkpointed activations are computed without gradients.
    module = Doubled().train()
    for number in range(1, 4):
        assert torch.equal(module(), 2 * module.weight)
        assert module.count == number
        step(module, fused=True)


@pytest.mark.parametrize('name', CHANGES)
@torch.no_grad()
def test_it_is_computed_anew_when_the_weights_change(name: str) -> None:
    module = Doubled()
    before = module()
    CHANGES[name](module)
    assert torch.equal(module(), 2 * module.weight)
    assert module() is not before
    assert module.count == 2


def test_it_is_computed_anew_where_a_gradient_is_wanted() -> None:
    module = Doubled()
    with torch.no_grad():
        module()
    module().sum().backward()
    assert module.weight.grad.tolist() == [2, 2, 2]
    with torch.no_grad():
        module()
    assert module.count == 2


def test_it_depends_on_autocast() -> None:
    linear, remembered = nn.Linear(3, 3), WeightCache()
    x = torch.ones(1, 3)
    with torch.no_grad():
        for dtype in (torch.float32, torch.bfloat16, torch.float32):
            with torch.autocast('cpu', torch.bfloat16, enabled=dtype != torch.float32):
                made = remembered.get([linear.weight], lambda: linear(x))
            assert made.dtype == dtype


def test_what_was_made_in_inference_mode_serves_outside_of_it() -> None:
    module = Doubled()
    with torch.inference_mode():
        made = module()
        assert module() is made
    with torch.no_grad():
        assert module() is made
    with torch.inference_mode():
        module = Doubled()
        assert torch.equal(module(), 2 * module.weight)


@pytest.mark.parametrize('copied', [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@torch.no_grad()
def test_copies_start_with_nothing(copied: Callable) -> None:
    module = Doubled()
    module()
    other = copied(module)
    assert other.remembered._cached is None
    assert torch.equal(other(), module())


@torch.no_grad()
def test_compiled_code_computes_it_in_one_graph() -> None:
    module = Doubled()
    compiled = torch.compile(module, backend='eager', fullgraph=True)
    assert torch.equal(compiled(), torch.full((3,), 2.0))
    module.weight.add_(1)
    assert torch.equal(compiled(), torch.full((3,), 4.0))
