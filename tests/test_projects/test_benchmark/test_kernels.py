"""What is launched, counted on the CPU."""

import torch
from torch import nn

from projects.benchmark.kernels import Launched, launched_by


def test_every_operation_counts_but_views() -> None:
    layer, x = nn.Linear(3, 4).requires_grad_(False), torch.ones(2, 3)
    # A product with the bias, a sum and a copy.
    launched = launched_by(
        lambda: (layer(x).sum() + x[0]).double().view(3, 1), torch.device('cpu')
    )
    assert launched == Launched(1 + 1 + 1 + 1)
