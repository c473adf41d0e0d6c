"""Training steps, and their floor."""

import torch

from projects.benchmark.cases.training import measure, training_step
from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import build_optimizer, build_pair
from projects.benchmark.samples import make_batch


def test_tuning_stands_beside_full_fine_tuning(bench_cfg: dict) -> None:
    (found,) = measure(bench_cfg, Conditions(rounds=2, train_batch_size=2))
    assert found['title'] == 'training step, batch 2'
    full, tuning = found['rows']
    assert (full['name'], tuning['name']) == ('full fine-tuning', 'tuning')
    assert len(tuning['ratio']['samples']) == 2
    assert tuning['floor'] == tuning['flops'] / full['flops']


def test_the_step_is_that_of_the_model_itself(bench_cfg: dict) -> None:
    for index in range(2):
        trained = []
        for own in (True, False):
            torch.manual_seed(0)
            model = build_pair(bench_cfg, Conditions())[index]
            torch.manual_seed(1)
            if own:
                batch = make_batch(bench_cfg, 2)
                optimizer = build_optimizer(model, bench_cfg)
                model.train().train_step(batch, optimizer)
            else:
                training_step(model, bench_cfg, Conditions(train_batch_size=2))()
            trained.append(dict(model.named_parameters()))
        for name, param in trained[0].items():
            assert torch.equal(param, trained[1][name]), name


def test_tuning_leaves_the_original_weights_alone(bench_cfg: dict) -> None:
    base, vlpose = build_pair(bench_cfg, Conditions())
    before = [p.clone() for p in vlpose.parameters()]
    training_step(vlpose, bench_cfg, Conditions(train_batch_size=2))()
    for param, old in zip(vlpose.parameters(), before, strict=True):
        assert param.requires_grad or torch.equal(param, old)
    changed = [
        not torch.equal(p, b) for p, b in zip(vlpose.parameters(), before, strict=True)
    ]
    assert any(changed)
