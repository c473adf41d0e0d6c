"""projects/mini_humanart/study: what the arms are, and what the tables say of results."""

import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import MODELS

from projects.mini_humanart.study.arms import ARMS, LORA, Training, artificial, trainings
from projects.mini_humanart.study.run import main
from projects.mini_humanart.study.tables import tables_of
from projects.mini_humanart.study.text_prompts import confuse, leave_out, shuffle
from tests.conftest import ROOT
from vlpose_mm.datasets.scenarios import SCENARIOS, scenario_name

MINI = ROOT / 'projects/mini_humanart'


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_annotations_get_other_text_prompts_or_lose_a_scenario(
    mini_data: Path, tmp_path: Path
) -> None:
    ann_file = mini_data / 'HumanArt/annotations/training_humanart.json'
    out = tmp_path / 'ann.json'
    whole = json.loads(ann_file.read_text())
    own = [SCENARIOS[scenario_name(i['category'])].text_prompt for i in whole['images']]

    def prompts(path: Path) -> list[str]:
        return [image['text_prompt'] for image in json.loads(path.read_text())['images']]

    first, again, other = (prompts(shuffle(ann_file, out, seed)) for seed in (0, 0, 1))
    assert first == again != other
    assert Counter(first) == Counter(own)
    wrong = prompts(confuse(ann_file, out))
    assert all(prompt != right for prompt, right in zip(wrong, own, strict=True))
    assert {*wrong} <= {scenario.text_prompt for scenario in SCENARIOS.values()}

    rest = json.loads(leave_out(ann_file, out, 'sketch').read_text())
    gone = {i['id'] for i in whole['images'] if i['category'] == 'sketch'}
    assert gone
    assert {i['id'] for i in rest['images']} == {i['id'] for i in whole['images']} - gone
    assert not gone & {a['image_id'] for a in rest['annotations']}


def test_every_arm_trains_what_it_is_called_after() -> None:
    trained = {}
    for config in {arm.config for arm in ARMS.values()}:
        cfg = Training(config, seed=0).load(epochs=5)
        model = MODELS.build(cfg.model)
        names = [name for name, p in model.named_parameters() if p.requires_grad]
        trained[config] = {'.'.join(name.split('.')[:2]) for name in names}
        steps = 0 if config == 'original' else 5
        assert cfg.train_cfg.max_epochs == steps
    base_head = {'head.deconv_layers', 'head.final_layer'}
    assert trained['head_only'] == base_head
    assert trained['deep_prompts'] == base_head | {'backbone.visual_prompts'}
    assert trained['last_layer'] == base_head | {'backbone.layers', 'backbone.ln1'}
    assert trained['full'] >= {'backbone.patch_embed', 'backbone.pos_embed'} | base_head
    assert 'backbone.layers' not in trained['paper']
    assert trained['lora'] - trained['paper'] == {
        'backbone.layers',
        'backbone.lora',
        'head.tuned_norms',
        'head.entry_gate',
        'head.exit_gate',
    }
    for config in ('lora', 'lora_random', 'paper', 'paper_zero_gates'):
        assert not trained[config] & base_head
    # Low-rank updates are what the demo trains.
    demo = Config.fromfile(MINI / 'configs/vlpose_mini_humanart.py')
    assert Training(LORA, seed=0).load(epochs=5).model == demo.model


def test_every_training_stands_once_with_every_seed() -> None:
    jobs = trainings([0, 1], [0])
    assert len(set(jobs)) == len(jobs)
    assert len([t for t in jobs if t.config == 'original']) == 1
    tuned = {(a.config, a.shuffled) for a in ARMS.values()} - {('original', False)}
    assert len([t for t in jobs if t.left_out is None]) == 1 + 2 * len(tuned)
    assert Counter(t.left_out for t in jobs if t.left_out) == {n: 1 for n in artificial()}


def run_of(config: str, seed: int, ap: float, **kwargs: object) -> dict:
    scores = dict.fromkeys(['artificial', 'natural', *SCENARIOS], ap)
    return {
        **dict(config=config, seed=seed, shuffled=False, left_out=None, art=scores),
        **dict(
            trained=1_500_000, photos=dict(natural=0.6), photos_sha256='a', wrong=scores
        ),
        **kwargs,
    }


@pytest.mark.fast
def test_tables_give_mean_and_spread_and_what_equals_the_original() -> None:
    content = dict(
        costs={
            c: dict(seconds=s, mebibytes=64.4) for c, s in (('full', 0.2), ('paper', 0.3))
        },
        runs=[
            run_of('original', 0, 0.1),
            run_of('full', 0, 0.3, photos=dict(natural=0.4), photos_sha256='b'),
            run_of('paper', 0, 0.2),
            run_of('paper', 1, 0.4),
            run_of('lora', 0, 0.5),
            run_of('lora', 0, 0.4, left_out='sketch'),
        ],
    )
    tables = {
        name: [
            [c.strip() for c in line.strip('|').split('|')] for line in text.splitlines()
        ]
        for name, text in tables_of(content).items()
    }
    arms = {row[0]: row[1:] for row in tables['arms']}
    paper = arms["VLPose, the paper's model"]
    assert paper == ['30.0 ± 14.1', '60.0 ± 0.0 =', '1.50 M', '0.300', '1.50', '64', '2']
    assert arms['full fine-tuning'][:2] == ['30.0', '40.0']
    assert arms['head only'] == ['missing'] * 7
    (mural,) = [row for row in tables['scenarios'] if row[0] == 'mural']
    assert mural[1:] == ['10.0', '30.0', '30.0 ± 14.1', '**50.0**']
    assert tables['left_out'][2] == ['sketch', '10.0', '40.0', '50.0', '75 %', '1']
    assert tables['left_out'][3] == ['**mean**', '10.0', '40.0', '50.0', '75 %', '']


def test_the_page_shows_the_raw_results() -> None:
    page = (MINI / 'RESULTS.md').read_text()
    for name, table in tables_of(json.loads((MINI / 'results.json').read_text())).items():
        (shown,) = re.findall(f'<!-- table {name} -->\n(.*?)<!-- end -->', page, re.DOTALL)
        assert shown.strip() == table


@pytest.mark.parametrize(
    ('args', 'fault'),
    [
        (['--only', 'nonsense'], 'invalid choice'),
        (['--workers', '0'], 'not a whole number from 1'),
        (['--page', 'nowhere.md'], 'no page'),
    ],
)
def test_odd_arguments_are_refused(
    args: list[str],
    fault: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr(sys, 'argv', ['run.py', '--out', str(tmp_path), *args])
    with pytest.raises(SystemExit, match='2'):
        main()
    assert fault in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_resumes(
    mini_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    options = f'--data {mini_data} --out {tmp_path} --epochs 1 --seeds 1 --workers 1'
    only = ['--only', 'original', 'lora_random']
    monkeypatch.setattr(sys, 'argv', ['run.py', *options.split(), *only])
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    main()
    assert '2 runs: 2 to do' in capsys.readouterr().out
    tuned, original = (json.loads(f.read_text()) for f in sorted(tmp_path.glob('*/*.json')))
    assert original['photos_sha256'] == tuned['photos_sha256']
    assert original['photos'] == tuned['photos']
    assert tuned['wrong'].keys() == tuned['art'].keys() >= {'artificial', 'sketch'}
    assert 0 == original['trained'] < tuned['trained'] < tuned['total']

    # What is done is not done again.
    main()
    assert '2 runs: 0 to do' in capsys.readouterr().out
