"""What cannot be measured is refused."""

import pytest
import torch

from projects.benchmark.conditions import Conditions


def test_bf16_computes_by_autocast() -> None:
    linear, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    with Conditions(dtype='bf16').autocast():
        assert linear(x).dtype == torch.bfloat16
    with Conditions(dtype='float32').autocast():
        assert linear(x).dtype == torch.float32


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(rounds=0), 'the number of rounds must be at least 1, got 0'),
        (dict(batch_sizes=(1, 0)), 'batch size 0 must be at least 1'),
        (dict(batch_sizes=()), 'give at least one'),
        (dict(train_batch_size=-1), 'the batch size of training must be at least 1'),
        (dict(dtype='float8'), "Unknown dtype 'float8'; choose one of"),
    ],
)
def test_refuses_what_cannot_be_measured(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Conditions(**settings)


def test_refuses_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ValueError, match='no CUDA device here; take the device cpu'):
        Conditions(torch.device('cuda'))
