"""python -m vlpose_mm.tools.distill"""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader, Runner
from mmpose.registry import MODELS

from tests.programs import run_script
from tests.test_models.estimators import build
from vlpose_mm.analysis.base_model import base_config
from vlpose_mm.models import VLPoseEstimator
from vlpose_mm.tools.distill import Distiller, main, start


@pytest.fixture
def cfg(small_config: Path) -> Config:
    """The small config, with batch norms of the tuned route."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(small_config)
    cfg.model.head.update(tuned_norms=True, gate_init=0.0)
    return cfg


@pytest.fixture
@torch.no_grad()
def teacher(cfg: Config) -> VLPoseEstimator:
    torch.manual_seed(0)
    model = build(cfg.model).eval()
    # Far from what fits into the base.
    model.head.exit_gate.fill_(5)
    return model


@torch.no_grad()
def test_the_student_starts_with_what_fits_into_the_base(
    cfg: Config, make_sample: Callable
) -> None:
    # Low-rank updates of one text prompt, tuned batch norms and predictor: all of it.
    cfg.model.backbone.visual_prompt = None
    cfg.model.head.wiring = 'entry'
    torch.manual_seed(0)
    teacher = build(cfg.model).eval()
    teacher.head.entry_gate.zero_()
    images, samples = torch.randn(1, 3, 256, 192), [make_sample('a mural of a person')]
    wanted = teacher(images, samples)
    found = start(teacher, cfg, samples).eval()(images, None)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    for other in ('a sketch of a person', None):
        teacher.set_route('tuned' if other else 'original')
        found = teacher(images, [make_sample(other)])
        assert not torch.allclose(found, wanted, rtol=1e-3, atol=1e-5)


def test_training_brings_the_heatmaps_of_the_student_closer(
    cfg: Config, teacher: VLPoseEstimator, tmp_path: Path
) -> None:
    before = copy.deepcopy(teacher.state_dict())
    checkpoint, out = tmp_path / 'tuned.pth', tmp_path / 'student.pth'
    torch.save(dict(state_dict=before), checkpoint)
    config = tmp_path / 'config.py'
    cfg.dump(config)
    args = [str(config), str(checkpoint), str(out), '--steps', '30', '--lr', '3e-3']
    failed, printed = run_script(['-m', 'vlpose_mm.tools.distill', *args], tmp_path)
    assert not failed and f'{out}: the heatmaps differ by 0.' in printed, printed
    weights = CheckpointLoader.load_checkpoint(str(out), 'cpu')['state_dict']
    student = MODELS.build(base_config(cfg.model))
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader, seed=0)))
    at_first = Distiller(teacher, start(teacher, cfg, batch['data_samples']))
    data = at_first.data_preprocessor(batch)
    losses = [at_first(**data)['loss'].item()]
    student.load_state_dict(weights)
    losses.append(Distiller(teacher, student.eval())(**data)['loss'].item())
    assert losses[1] < 0.8 * losses[0]
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_the_teacher_reads_the_text_prompts(
    cfg: Config, teacher: VLPoseEstimator, make_sample: Callable
) -> None:
    samples = [make_sample('a mural of a person')]
    distiller = Distiller(teacher, start(teacher, cfg, samples)).train()
    assert not teacher.training and not distiller.student.training
    images, losses = torch.randn(1, 3, 256, 192), []
    for text_prompt in ('a mural of a person', 'a sketch of a person'):
        losses.append(distiller(images, [make_sample(text_prompt)])['loss'])
    assert not torch.allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['missing.pth', 'out.pth'], 'There is no file missing.pth'),
        (['missing.pth', 'out.pth', '--steps', '0'], '--steps must be at least 1, got 0'),
        (['missing.pth', 'no/folder/out.pth'], 'Cannot write no/folder/out.pth'),
    ],
)
def test_a_wrong_call_gets_one_clear_error(
    args: list[str],
    message: str,
    small_config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([str(small_config), *args])
    assert message in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]
