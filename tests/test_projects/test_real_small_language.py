"""The study of language on real images: its arms, text prompts and tables."""

import json
import re
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from torch import nn

from projects.mini_humanart.study.test_set import TestSet
from projects.real_small.study import language, language_runs
from projects.real_small.study.language_runs import (
    NO_TEXT,
    OTHERS,
    RANDOM,
    SENTENCE,
    SIZE,
    TUNED,
    WORDS,
    Run,
    balance,
    load,
    runs,
    text_prompts,
    train_and_test,
)
from projects.real_small.study.language_tables import HEADING, ROWS, tables_of
from projects.real_small.study.other_words import LEAST_LIKE, OTHER_WORDS, STYLES
from projects.real_small.study.tables import ORIGINAL
from tests.conftest import ROOT
from vlpose_mm.datasets.wordings import load_wordings

WORDINGS = ROOT / 'projects/real_small/study/wordings.yaml'
SETS = dict(
    lspet_painted=STYLES[:3],
    coco_painted=STYLES[:3],
    pose_depot=('sketch', 'depth_render'),
    spine_cartoon=('game_cartoon',),
)

TINY = dict(input_size=(48, 64), heatmap_size=(12, 16), img_size=(64, 48))


def write(file: Path, images: dict[str, int]) -> None:
    """Write annotations of so many images of each style, one instance on each."""
    names = [style for style, count in images.items() for _ in range(count)]
    keypoints = [[10 + 4 * i, 10 + 5 * i, 2] for i in range(17)]
    place = dict(iscrowd=0, category_id=1, num_keypoints=17, area=6000)
    content = dict(
        images=[
            dict(id=i, category=name, file_name='image.png', width=90, height=120)
            for i, name in enumerate(names, 1)
        ],
        annotations=[
            dict(
                **place,
                id=i,
                image_id=i,
                bbox=[5, 5, 75, 95],
                keypoints=np.ravel(keypoints).tolist(),
            )
            for i in range(1, len(names) + 1)
        ],
        categories=[dict(id=1, name='person')],
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Tiny data: the same gray image in all styles of all sets."""
    folder = tmp_path / 'data'
    annotations = folder / 'real_small/annotations'
    for name, styles in SETS.items():
        write(annotations / f'{name}_train.json', dict.fromkeys(styles, 2))
    write(annotations / 'test.json', dict.fromkeys((*STYLES, 'neural_painting_wave'), 1))
    cv2.imwrite(str(folder / 'image.png'), np.full((120, 90, 3), 127, np.uint8))
    return folder


@pytest.mark.fast
def test_no_other_words_are_among_those_of_the_training() -> None:
    trained = {
        text.lower()
        for words in load_wordings(str(WORDINGS)).values()
        for text in (*words.told(), *words.groups, *words.attributes)
    }
    texts = [text.lower() for words in OTHER_WORDS.values() for text in words]
    assert not {*texts} & trained
    assert len({*texts}) == len(texts)
    assert load_wordings(str(WORDINGS)).keys() >= {*STYLES}
    assert LEAST_LIKE.keys() == {*STYLES}
    assert not any(style == other for style, other in LEAST_LIKE.items())


@pytest.mark.fast
def test_every_training_stands_once_and_nothing_is_trained_for_the_original() -> None:
    jobs = runs([3, 4])
    assert len({*map(str, jobs)}) == len(jobs) == 1 + 2 * len(TUNED) * (1 + len(STYLES))
    assert [run for run in jobs if run.arm == ORIGINAL] == [Run(ORIGINAL, 3)]
    # A seed is whole before the next one begins.
    assert [run.seed for run in jobs] == sorted(run.seed for run in jobs)


@pytest.mark.fast
def test_styles_are_seen_equally_often_and_one_that_is_left_out_never(
    tmp_path: Path,
) -> None:
    counts = [dict(scream=30, la_muse=10), dict(scream=5, la_muse=5), dict(sketch=4)]
    datasets = []
    for number, count in enumerate(counts):
        write(tmp_path / f'data/{number}.json', count)
        datasets.append(dict(data_root=str(tmp_path / 'data'), ann_file=f'{number}.json'))

    def seen(left_out: str | None) -> dict[str, float]:
        parts, factors = balance(datasets, [1, 2, 9], left_out, tmp_path)
        shares: Counter = Counter()
        for part, factor in zip(parts, factors, strict=True):
            content = json.loads(Path(part['ann_file']).read_text())
            (style,) = {image['category'] for image in content['images']}
            assert len(content['annotations']) == len(content['images'])
            shares[style] += factor * len(content['annotations'])
        return {style: round(share) for style, share in shares.items()}

    assert seen(None) == dict(la_muse=1000, scream=1000, sketch=1000)
    assert seen('sketch') == dict(la_muse=1000, scream=1000)


def test_arms_differ_in_their_text_alone_and_have_the_size_of_the_study(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    cfgs = {arm: load(Run(arm, 0), 5, data, tmp_path) for arm in TUNED}
    for cfg in cfgs.values():
        (resized,) = (
            step
            for step in cfg.train_dataloader.dataset.pipeline
            if step['type'] == 'TopdownAffine'
        )
        assert resized['input_size'] == SIZE
        assert cfg.model.backbone.img_size == SIZE[::-1]
        assert cfg.model.head.decoder.heatmap_size == (SIZE[0] // 4, SIZE[1] // 4)
        assert cfg.model.backbone.lora.rank == cfgs[SENTENCE].model.backbone.lora.rank

    def drawn(cfg: Config) -> bool:
        steps = {step['type'] for step in cfg.train_dataloader.dataset.pipeline}
        return 'RandomTextPrompt' in steps

    assert [arm for arm, cfg in cfgs.items() if drawn(cfg)] == [WORDS]
    assert cfgs[RANDOM].model.text_encoder.type == 'RandomTextEncoder'
    assert cfgs[NO_TEXT].model.text_encoder is None


@pytest.mark.fast
def test_every_image_is_tested_with_the_text_prompts_that_a_condition_names() -> None:
    own = {style: f'own {style}' for style in STYLES}
    pipeline = [dict(type='LoadImage'), dict(type='AssignTextPrompt', text_prompts=own)]
    images = [dict(id=7, category='sketch'), dict(id=8, category='game_cartoon')]
    prompts = text_prompts(pipeline, images)
    assert prompts['own'] == {7: 'own sketch', 8: 'own game_cartoon'}
    assert [prompts[name][7] for name in OTHERS] == [*OTHER_WORDS['sketch']]
    assert prompts['wrong'][7] == f'own {LEAST_LIKE["sketch"]}'
    assert prompts['photo'][7] == 'a photo of a person'
    asked = {words for run in runs([0]) for words, _ in run.conditions}
    assert asked == {*prompts}


def run_of(run: Run, *scores: float) -> dict:
    """Results of a run with one score in each condition, in order."""
    tests = {
        '/'.join(condition): {style: dict(AP=score, PCK=2 * score) for style in run.tested}
        for condition, score in zip(run.conditions, scores, strict=False)
    }
    return dict(**vars(run), tests=tests)


def cells(table: str, title: str, count: int = 0) -> list[str]:
    """The cells of the row with a title."""
    rows = [line for line in table.splitlines() if line.startswith(f'| {title} ')]
    return [cell.strip() for cell in rows[count].split('|')[2:-1]]


@pytest.mark.fast
def test_tables_compare_arms_with_the_original_and_tell_what_is_missing() -> None:
    found = [
        run_of(Run(ORIGINAL, 0), 0.1),
        run_of(Run(SENTENCE, 0), 0.3),
        *(run_of(Run(SENTENCE, 0, s), 0.2, 0.1, 0.3, 0.1, 0.05, 0.4) for s in STYLES),
        # One of all styles is not enough for a mean.
        run_of(Run(NO_TEXT, 0, 'sketch'), 0.5),
    ]
    content = dict(settings=dict(steps=40, size='192x144'), runs=found)
    tables = tables_of(content)
    whole = tables['language']
    assert '40 steps of 32 images at 192x144, 1 seed;' in whole
    assert cells(whole, 'nothing: the original')[:4] == ['10.0', '20.0'] * 2
    kept = ['30.0', '60.0', '20.0', '40.0', '50 %', '50 %']
    assert cells(whole, 'fixed sentence') == kept
    assert cells(whole, '... its sentence, read as those of training')[2] == '40.0'
    # Both lists have to be there, and their mean counts.
    assert cells(whole, '... other words, 2 lists')[2:5] == ['20.0', '40.0', '50 %']
    assert cells(whole, "... the least similar style's sentence")[4] == '-25 %'
    assert cells(whole, 'no text') == ['missing'] * 4 + ['', '']
    sketch = cells(tables['language_AP'], 'sketch')
    assert sketch[:5] == ['10.0', '30.0', '20.0', '40.0', '20.0']
    assert sketch[-1] == '50.0'
    assert cells(tables['language_PCK'], 'depth_render')[-1] == 'missing'
    assert len({(row.arm, *row.words, row.reading) for row in ROWS}) == len(ROWS)


def test_a_run_trains_without_a_style_and_is_tested_on_it_in_all_conditions(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(language_runs, 'SIZES', TINY)
    seen, find = [], TestSet.find

    def note(self: TestSet, model: nn.Module, folder: Path, told: dict) -> Path:
        trained = list(model.adapter_text.tuned_with)
        seen.append((model.text_reading, *told.values(), *trained))
        return find(self, model, folder, told)

    monkeypatch.setattr(TestSet, 'find', note)
    run, result = Run(SENTENCE, 0, 'game_cartoon'), tmp_path / 'out/result.json'
    ap = train_and_test(run, 1, data, result)
    told = [
        ('a cartoon character of a video game', 'literal', 'known'),
        (OTHER_WORDS['game_cartoon'][0], 'literal', 'known'),
        (OTHER_WORDS['game_cartoon'][1], 'literal', 'known'),
        ('a photo of a person', 'literal'),
        ('an expressionist painting of a person', 'literal'),
    ]
    expected = {(reading, text) for text, *readings in told for reading in readings}
    assert {each[:2] for each in seen} == expected
    trained = {text for each in seen for text in each[2:]}
    assert 'a depth render of a person' in trained
    assert 'a cartoon character of a video game' not in trained
    found = json.loads(result.read_text())
    assert [*found] == ['/'.join(condition) for condition in run.conditions]
    assert all(scores.keys() == {'game_cartoon'} for scores in found.values())
    assert found['own/literal']['game_cartoon']['AP'] == ap


def test_the_original_is_tested_on_all_styles_and_reads_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(language_runs, 'SIZES', TINY)
    train_and_test(Run(ORIGINAL, 0), 1, data, tmp_path / 'result.json')
    found = json.loads((tmp_path / 'result.json').read_text())
    assert {name: [*scores] for name, scores in found.items()} == {'own/literal': [*STYLES]}


def test_what_is_done_is_not_run_again_and_the_page_gets_its_section_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    page, out = tmp_path / 'RESULTS.md', tmp_path / 'out'
    page.write_text('# Tuned\n\nother tables\n')
    for run in runs([0]):
        file = out / f'5_steps/{run}.json'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(run_of(run, *[0.25] * len(run.conditions))['tests']))
    options = f'--seeds 0 --steps 5 --out {out} --json {tmp_path}/raw.json --page {page}'
    for _ in range(2):
        monkeypatch.setattr(sys, 'argv', ['language', *options.split()])
        language.main()
    assert '29 runs: 0 to do' in capsys.readouterr().out
    shown = page.read_text()
    assert shown.startswith('# Tuned\n\nother tables\n')
    assert shown.count(HEADING) == 1
    assert 'missing' not in shown
    assert len(re.findall(r'\b25\.0\b', shown)) > 29
    raw = json.loads((tmp_path / 'raw.json').read_text())
    assert raw['settings'] == dict(steps=5, size='192x144')
    assert len(raw['runs']) == 29
