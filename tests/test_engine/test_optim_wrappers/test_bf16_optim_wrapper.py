import torch
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn

import vlpose_mm  # noqa: F401


def test_forward_runs_in_bfloat16_on_the_cpu_and_weights_stay_in_float32() -> None:
    model = nn.Linear(4, 4)
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = OPTIM_WRAPPERS.build(dict(type='Bf16OptimWrapper', optimizer=optimizer))

    with wrapper.optim_context(model):
        output = model(torch.ones(2, 4))
    wrapper.update_params(output.float().sum())

    assert output.dtype == torch.bfloat16
    assert model.weight.dtype == torch.float32
    assert not torch.equal(model.weight, before)
