"""projects/mini_humanart/study: what language brings."""

import dataclasses
import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from projects.mini_humanart.drawing.style_space.style import SCENARIO_STYLES
from projects.mini_humanart.study import language
from projects.mini_humanart.study.arms import LORA, Training, artificial
from projects.mini_humanart.study.language_runs import (
    CHOICE,
    NO_TEXT,
    TEST,
    WORDS,
    Run,
    conditions,
    runs,
    text_prompts,
    train_and_test,
)
from projects.mini_humanart.study.language_tables import tables_of
from projects.mini_humanart.study.other_words import OTHER_WORDS, word_lists
from projects.mini_humanart.study.test_set import TestSet
from projects.mini_humanart.study.text_prompts import forget, shuffle, text_prompts_of
from projects.mini_humanart.study.training import ART, Prepared
from projects.mini_humanart.study.transforms import DescribeStyle
from tests.conftest import ROOT
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT, SCENARIOS, scenario_name
from vlpose_mm.datasets.wordings import load_wordings

MINI = ROOT / 'projects/mini_humanart'


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def bare(text: str) -> str:
    """A text without capitals and its article."""
    return re.sub('^(an?|the) ', '', text.lower())


@pytest.mark.fast
def test_no_wording_of_the_test_is_one_to_train_or_to_read_with() -> None:
    table = {
        bare(text)
        for words in load_wordings().values()
        for text in (*words.told(), *words.groups)
    }
    _, test = word_lists()
    assert not {bare(text) for words in test for text in words.values()} & table
    texts = [text for words in OTHER_WORDS.values() for text in words]
    assert len({*map(bare, texts)}) == len(texts)
    assert [*OTHER_WORDS] == artificial()


def test_every_image_is_tested_with_the_text_prompts_that_a_condition_names(
    mini_data: Path, tmp_path: Path
) -> None:
    ann_file = mini_data / ART.format('validation')
    prompts = text_prompts(ann_file, tmp_path)
    ids = {
        scenario_name(image['category']): image['id']
        for image in json.loads(ann_file.read_text())['images']
    }
    of_sketch = {name: by_image[ids['sketch']] for name, by_image in prompts.items()}
    assert of_sketch['own'] == 'a sketch of a person'
    assert of_sketch['capitals'] == 'A SKETCH OF A PERSON.'
    assert prompts['name'][ids['kids_drawing']] == 'kids drawing'
    assert [of_sketch[name] for name in (*CHOICE, *TEST)] == [*OTHER_WORDS['sketch']]
    sentences = {scenario.text_prompt for scenario in SCENARIOS.values()}
    assert of_sketch['wrong'] in sentences - {of_sketch['own']}
    assert of_sketch['wrong_test'] not in OTHER_WORDS['sketch']
    assert of_sketch['right'] != of_sketch['misdescribed']
    asked = {c.words for run in runs(language.PARTS, 1, 1) for c in conditions(run)}
    assert asked == {*prompts}


def test_the_same_crops_are_tested_with_one_text_prompt_after_the_other(
    mini_data: Path, tmp_path: Path
) -> None:
    prepared = Prepared(Training(LORA, 0), 1, dict(mini=mini_data), tmp_path)
    ann_file = mini_data / ART.format('validation')
    own = text_prompts_of(ann_file)
    (sketch,) = (i for i, text in own.items() if text == 'a sketch of a person')
    test_set = TestSet(prepared.test_dataloader, ann_file, {sketch})
    tested = [
        sample.img_id for batch in test_set.batches for sample in batch['data_samples']
    ]
    assert {*tested} == {sketch}
    model = prepared.runner.model
    found = [
        test_set.test(model, text_prompts)[1]
        for text_prompts in (own, dict.fromkeys(own, 'a mural'), None)
    ]
    assert found[0] == found[2] != found[1]


def test_styles_lose_or_swap_their_descriptions(tmp_path: Path) -> None:
    ann_file, out = tmp_path / 'styles.json', tmp_path / 'out.json'
    images = [dict(id=i, category='style 1', text_prompt=f'style {i}') for i in range(9)]
    ann_file.write_text(json.dumps(dict(images=images)))
    own = text_prompts_of(ann_file)
    assert own == {i: f'style {i}' for i in range(9)}
    shuffled = text_prompts_of(shuffle(ann_file, out, seed=0))
    assert shuffled != own
    assert {*shuffled.values()} == {*own.values()}
    forgotten = json.loads(forget(ann_file, out).read_text())['images']
    assert not any('text_prompt' in image for image in forgotten)


def test_a_style_is_described_in_other_words_each_time_or_not_at_all(
    tmp_path: Path,
) -> None:
    ann_file = tmp_path / 'styles.json'
    style = dataclasses.asdict(SCENARIO_STYLES['sketch'])
    ann_file.write_text(json.dumps(dict(images=[dict(category='style 1', style=style)])))
    described = DescribeStyle(str(ann_file), none_prob=0.2)
    drawn = Counter(described(dict(category='style 1'))['text_prompt'] for _ in range(400))
    assert len(drawn) > 100
    assert drawn[DEFAULT_TEXT_PROMPT] / 400 == pytest.approx(0.2, abs=0.08)


def test_every_training_stands_once_and_trains_what_it_is_called_after() -> None:
    jobs = runs(language.PARTS, 3, 1)
    assert Counter(run.part for run in jobs) == dict(wordings=6, styles=18, left_out=56)
    assert len({*map(str, jobs)}) == len(jobs)
    words = Training(WORDS, 0).load(1).train_dataloader.dataset
    assert 'RandomTextPrompt' in {step['type'] for step in words.pipeline}
    styles = Training('full', 0, data='styles').load(1)
    assert styles.train_dataloader.dataset.data_root == 'data/styles/'
    assert styles.test_dataloader.dataset.data_root == 'data/mini/'


def run_of(run: Run, *scores: float) -> dict:
    """Results of a run whose score is the same for all scenarios, in order."""
    training = run.training
    found = {}
    for condition, score in zip(conditions(run), scores, strict=False):
        names = [training.left_out] if training.left_out else ['artificial', *artificial()]
        found[str(condition)] = dict.fromkeys(names, score)
    return dict(part=run.part, **vars(training), tests=found)


@pytest.mark.fast
def test_tables_compare_readings_and_arms_and_tell_what_is_missing() -> None:
    scores = dict.fromkeys(['artificial', *SCENARIOS], 0.0)
    base = dict(shuffled=False, left_out=None)
    study = [
        dict(config='original', **base, art={**scores, 'artificial': 0.1, 'sketch': 0.1}),
        dict(config=LORA, **base, art={**scores, 'sketch': 0.5}),
    ]
    wordings = Run('wordings', Training(LORA, 0))
    literal = [c.words for c in conditions(wordings) if c.reading == 'literal']
    of_literal = [0.4 if words == 'own' else 0.2 for words in literal]
    content = dict(
        runs=[
            run_of(wordings, *of_literal),
            run_of(Run('wordings', Training(LORA, 1)), 0.6, *[0.9] * (2 + len(CHOICE) + 1)),
            run_of(Run('left_out', Training(LORA, 0, left_out='sketch')), 0.2),
            run_of(Run('left_out', Training(NO_TEXT, 0, left_out='sketch')), 0.3),
            run_of(Run('styles', Training('full', 0, data='styles')), 0.3),
        ]
    )
    tables = {}
    for name, text in tables_of(content, dict(runs=study)).items():
        lines = [
            [c.strip() for c in line.strip('|').split('|')] for line in text.splitlines()
        ]
        tables[name] = {line[0]: line[1:] for line in lines}
    words = tables['wordings']
    assert words['the sentence of training'] == ['50.0 ± 14.1', *['missing'] * 3]
    assert words['**other words, 6 lists**'] == ['20.0', *['missing'] * 3]
    assert words['nothing: the original'] == ['10.0'] * 4
    assert tables['styles']['full fine-tuning'] == ['30.0', '1']
    left_out = tables['language_left_out']
    assert left_out['fixed sentence'] == ['20.0', '10.0', '50.0', '25 %', '1']
    assert left_out['no text'] == ['30.0', '10.0', '50.0', '50 %', '1']
    sketch = tables['language_left_out_by_scenario']['sketch']
    assert sketch == ['10.0', '20.0', *['missing'] * 4, '30.0']
    assert tables['temperatures']['0.01'] == ['missing'] * 2


def test_the_page_shows_the_raw_results() -> None:
    page = (MINI / 'RESULTS.md').read_text()
    study, content = (
        json.loads((MINI / name).read_text()) for name in ('results.json', 'language.json')
    )
    for name, table in tables_of(content, study).items():
        (shown,) = re.findall(f'<!-- table {name} -->\n(.*?)<!-- end -->', page, re.DOTALL)
        assert shown.strip() == table


def test_data_that_the_study_does_not_compare_with_is_refused(
    mini_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    page = tmp_path / 'page.md'
    page.write_text('')
    options = (
        f'--data {mini_data} --styles {mini_data} --out {tmp_path} --only '
        f'--json {tmp_path / "language.json"} --page {page}'
    )
    monkeypatch.setattr(sys, 'argv', ['language.py', *options.split()])
    with pytest.raises(SystemExit, match='2'):
        language.main()
    assert 'is of other data than' in capsys.readouterr().err


@pytest.mark.slow
def test_what_was_trained_is_kept_and_only_new_tests_are_run(
    mini_data: Path, tmp_path: Path
) -> None:
    run, data = Run('left_out', Training(LORA, 0, left_out='sketch')), dict(mini=mini_data)
    result = tmp_path / 'result.json'
    train_and_test(run, data, result)
    weights = result.with_suffix('.pth')
    kept = weights.read_bytes()
    known = torch.load(weights, weights_only=True)['text_prompts']
    assert SCENARIOS['sketch'].text_prompt not in known
    assert SCENARIOS['mural'].text_prompt in known
    first = json.loads(result.read_text())
    assert {*first} == {str(condition) for condition in conditions(run)}
    assert {*first['own/literal']} == {'sketch'}

    left = {**first, 'own/literal': dict(sketch=-1.0)}
    again = left.pop('own/known')
    result.write_text(json.dumps(left))
    train_and_test(run, data, result)
    assert json.loads(result.read_text()) == {**left, 'own/known': again}
    assert weights.read_bytes() == kept
