"""WeightCache computes a value once, and again when the weights change."""

import copy
import pickle

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from torch import Tensor, nn

from vlpose_mm.models.utils.cache import WeightCache, freeze_caches


class Doubled(nn.Module):
    """Twice its weight; counts how often that was computed."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.cache = WeightCache()
        self.count = 0
        self.eval()

    def forward(self) -> Tensor:
        return self.cache.get([self.weight], self._double)

    def _double(self) -> Tensor:
        self.count += 1
        return 2 * self.weight


def step(module: Doubled, fused: bool = False) -> None:
    optimizer = torch.optim.AdamW(module.parameters(), lr=1.0, fused=fused)
    module.weight.grad = torch.ones(3)
    optimizer.step()


def swap(module: Doubled) -> None:
    """Swap in averaged weights before a validation, as MMEngine does."""
    hook = EMAHook()
    hook.src_model, hook.ema_model = module, ExponentialMovingAverage(module)
    hook.ema_model.module.weight.data.add_(1)
    hook._swap_ema_parameters()
    module.eval()


CHANGES = dict(
    in_place=lambda module: module.weight.detach().add_(1),
    a_step=step,
    # Between two validations, with an optimizer that PyTorch does not count.
    a_fused_step=lambda module: (module.train(), step(module, fused=True), module.eval()),
    averaged=swap,
    loading=lambda module: module.load_state_dict(dict(weight=torch.arange(3.0))),
    converting=lambda module: module.double(),
    another=lambda module: setattr(module, 'weight', nn.Parameter(torch.zeros(3))),
)


@pytest.mark.fast
@pytest.mark.parametrize('name', CHANGES)
@torch.no_grad()
def test_computes_once_and_again_when_the_weights_change(name: str) -> None:
    module = Doubled()
    before = module()
    assert module() is before and module.count == 1
    CHANGES[name](module)
    assert torch.equal(module(), 2 * module.weight)
    assert module() is not before and module.count == 2


def test_caches_nothing_in_training_or_with_gradients() -> None:
    module = Doubled()
    with torch.no_grad():
        module()
    module().sum().backward()
    assert module.weight.grad.tolist() == [2, 2, 2]
    with torch.no_grad():
        module()
        assert module.count == 2
        # Checkpointed activations are computed without gradients.
        module.train()
        for number in range(3, 6):
            assert torch.equal(module(), 2 * module.weight)
            assert module.count == number
            step(module, fused=True)


def test_depends_on_autocast() -> None:
    linear, cache, x = nn.Linear(3, 3), WeightCache(), torch.ones(1, 3)
    with torch.no_grad():
        for dtype in (torch.float32, torch.bfloat16, torch.float32):
            with torch.autocast('cpu', torch.bfloat16, enabled=dtype != torch.float32):
                assert cache.get([linear.weight], lambda: linear(x)).dtype == dtype


def test_a_value_made_in_inference_mode_serves_outside_of_it() -> None:
    module = Doubled()
    with torch.inference_mode():
        value = module()
        assert module() is value
    with torch.no_grad():
        assert module() is value
    with torch.inference_mode():
        module = Doubled()
        assert torch.equal(module(), 2 * module.weight)


@torch.no_grad()
def test_a_frozen_cache_ignores_changes_and_copies_start_empty() -> None:
    module = Doubled()
    before = module()
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert other.cache._cached is None and torch.equal(other(), before)
    with freeze_caches(nn.Sequential(module)):
        module.weight.add_(1)
        assert module() is before
    assert torch.equal(module(), 2 * module.weight)


@torch.no_grad()
def test_compiled_code_computes_it_in_one_graph() -> None:
    module = Doubled()
    compiled = torch.compile(module, backend='eager', fullgraph=True)
    assert torch.equal(compiled(), torch.full((3,), 2.0))
    module.weight.add_(1)
    assert torch.equal(compiled(), torch.full((3,), 4.0))
