"""Training steps, and their floor."""

import pytest
import torch

from projects.benchmark.cases.training import measure, training_step
from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import build_optimizer, build_pair
from projects.benchmark.samples import make_batch

CONDITIONS = Conditions(rounds=2, train_batch_size=2)


def test_tuning_stands_beside_full_fine_tuning(bench_cfg: dict) -> None:
    (found,) = measure(bench_cfg, CONDITIONS)
    assert found['title'] == 'training step, batch 2'
    full, tuning = found['rows']
    assert (full['name'], tuning['name']) == ('full fine-tuning', 'tuning')
    assert len(tuning['ratio']['samples']) == 2
    assert tuning['floor'] == tuning['flops'] / full['flops']


@pytest.mark.parametrize('index', [0, 1])
def test_the_step_is_that_of_the_model_itself(bench_cfg: dict, index: int) -> None:
    models = []
    for own in (True, False):
        torch.manual_seed(0)
        model = build_pair(bench_cfg, CONDITIONS)[index]
        before = {name: param.clone() for name, param in model.named_parameters()}
        torch.manual_seed(1)
        if own:
            batch, optimizer = make_batch(bench_cfg, 2), build_optimizer(model, bench_cfg)
            model.train().train_step(batch, optimizer)
        else:
            training_step(model, bench_cfg, CONDITIONS)()
        models.append(dict(model.named_parameters()))
    own, ours = models
    assert all(torch.equal(param, ours[name]) for name, param in own.items())
    changed = [name for name, param in ours.items() if not torch.equal(param, before[name])]
    assert changed and all(ours[name].requires_grad for name in changed)
