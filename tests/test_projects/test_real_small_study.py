"""The study of real-small: its arms, scores and tables."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

from projects.real_small.study.__main__ import CONFIGS, main, run
from projects.real_small.study.scores import part_of, score
from projects.real_small.study.tables import ARMS, make_page


def build(arm: str) -> nn.Module:
    """Build an arm's model without memory; the text encoder is as wide as MiniLM."""
    cfg = Config.fromfile(str(CONFIGS / f'{arm}.py'))
    if 'text_encoder' in cfg.model:
        cfg.model.text_encoder = dict(type='RandomTextEncoder', embed_dims=384)
    init_default_scope('mmpose')
    with torch.device('meta'):
        return MODELS.build(cfg.model)


@pytest.mark.parametrize(
    ('arm', 'trained', 'absent'),
    [
        ('paper', ['aux_deconv_layers', 'visual_prompts', 'matcher'], 'lora'),
        ('lora', ['lora_up', 'lora.steer', 'visual_prompts', 'matcher'], 'aux_deconv'),
        ('joint', ['lora_up', 'lora.steer', 'visual_prompts', 'matcher'], 'aux_deconv'),
    ],
)
def test_an_arm_of_vlpose_trains_its_parts_and_no_weight_of_the_base(
    arm: str, trained: list[str], absent: str
) -> None:
    base = {name for name, _ in build('original').named_parameters()}
    params = dict(build(arm).named_parameters())
    tuned = {name for name, p in params.items() if p.requires_grad}
    assert base <= params.keys() - tuned
    for part in trained:
        assert any(part in name for name in tuned), part
    assert not any(absent in name for name in params)


def test_full_fine_tuning_trains_all_of_the_base() -> None:
    original, full = (dict(build(arm).named_parameters()) for arm in ('original', 'full'))
    assert original.keys() == full.keys()
    assert all(p.requires_grad for p in full.values())


def test_paintings_in_a_style_that_was_not_trained_are_a_part_of_their_own() -> None:
    images = [
        dict(set='lspet'),
        dict(set='coco_painted', style='scream', category='neural_painting_scream'),
        dict(set='coco_painted', style='wave', category='neural_painting_wave'),
        dict(set='pose_depot', category='sketch'),
    ]
    parts = ['lspet', 'coco_painted', 'unseen style', 'sketch']
    assert [part_of(image) for image in images] == parts


def test_scores_each_part_by_ap_and_pck(tmp_path: Path) -> None:
    truth = np.array([[10 * i + 20, 15 * i + 20, 2] for i in range(17)], float)
    images, instances, found = [], [], []
    # The second prediction is off by more than a tenth of the long side.
    for img_id, (category, offset) in enumerate([('sketch', 0), ('depth_render', 40)], 1):
        images.append(
            dict(id=img_id, set='pose_depot', category=category, width=300, height=300)
        )
        place = dict(image_id=img_id, category_id=1, id=img_id)
        instances.append(
            dict(
                **place,
                bbox=[10, 10, 180, 260],
                area=180 * 260,
                keypoints=truth.ravel().tolist(),
                num_keypoints=17,
                iscrowd=0,
            )
        )
        moved = truth + [offset, 0, 0]
        found.append(dict(**place, keypoints=moved.ravel().tolist(), score=1.0))
    ann_file, result_file = tmp_path / 'truth.json', tmp_path / 'found.json'
    categories = [dict(id=1, name='person')]
    content = dict(images=images, annotations=instances, categories=categories)
    ann_file.write_text(json.dumps(content))
    result_file.write_text(json.dumps(found))
    scores = score(ann_file, result_file)
    assert scores['sketch'] == dict(AP=pytest.approx(1), PCK=1)
    assert scores['depth_render']['AP'] < 0.5
    assert scores['depth_render']['PCK'] == 0
    assert scores.keys() == {'sketch', 'depth_render'}


def test_the_page_has_the_mean_and_the_spread_of_all_seeds() -> None:
    def scores(value: float) -> dict:
        return {part: dict(AP=value, PCK=2 * value) for part in ('lspet', 'sketch')}

    results = dict.fromkeys(ARMS, [])
    results |= dict(original=[scores(0.1)], lora=[scores(0.2), scores(0.4)])
    page = make_page(results, steps=200)
    assert '200 steps of 32 images and 2 seeds' in page
    (row, pck_row) = (line for line in page.splitlines() if ARMS['lora'] in line)
    assert [cell.strip() for cell in row.split('|')[2:4]] == ['30.0 ± 14.1'] * 2
    assert '60.0 ± 28.3' in pck_row
    assert ARMS['paper'] not in page


def test_what_is_done_is_not_run_again(tmp_path: Path) -> None:
    done = tmp_path / 'scores.json'
    done.write_text('{}')
    assert run('lora', 0, 200, tmp_path) == done
    assert [*tmp_path.iterdir()] == [done]


def test_the_sections_of_other_studies_stay_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, done = tmp_path / 'RESULTS.md', tmp_path / '40_steps/original/seed_0/scores.json'
    page.write_text('# Of before\n\n## Language\n\nIts tables.\n')
    done.parent.mkdir(parents=True)
    done.write_text(json.dumps(dict(lspet=dict(AP=0.5, PCK=0.5))))
    options = f'--arms original --seeds 0 --steps 40 --out {tmp_path} --page {page}'
    monkeypatch.setattr(sys, 'argv', ['study', *options.split()])
    main()
    shown = page.read_text()
    assert shown.startswith('# Tuned on other kinds of images\n')
    assert shown.endswith('\n\n## Language\n\nIts tables.\n')
