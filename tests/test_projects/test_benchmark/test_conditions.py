"""What cannot be measured is refused."""

import pytest
import torch

from projects.benchmark.conditions import Conditions


def test_bf16_computes_by_autocast() -> None:
    for dtype, computed in (('bf16', torch.bfloat16), ('float32', torch.float32)):
        with Conditions(dtype=dtype).autocast():
            assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == computed


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(rounds=0), 'the number of rounds must be at least 1, got 0'),
        (dict(batch_sizes=(1, 0)), 'batch size 0 must be at least 1'),
        (dict(batch_sizes=()), 'give at least one'),
        (dict(train_batch_size=-1), 'the batch size of training must be at least 1'),
        (dict(dtype='float8'), "Unknown dtype 'float8'; choose one of"),
        (dict(device=torch.device('cuda')), 'no CUDA device here; take the device cpu'),
    ],
)
def test_refuses_what_cannot_be_measured(
    settings: dict, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ValueError, match=message):
        Conditions(**settings)
