"""python -m vlpose_mm.tools.checkpoint"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS
from torch import nn

from tests.test_models.estimators import TEXT_PROMPTS, build, train
from vlpose_mm.checkpoint.adapter import base_hash, base_of
from vlpose_mm.checkpoint.io import read_file
from vlpose_mm.checkpoint.metadata import KEY, metadata_of
from vlpose_mm.models import PrecomputedTextEncoder
from vlpose_mm.tools.checkpoint import main


@pytest.fixture
def stock(base_cfg: dict, tmp_path: Path) -> nn.Module:
    """A stock estimator, saved as ``stock.pth``."""
    model = build(base_cfg)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'stock.pth')
    return model


@pytest.fixture
def tuned(
    stock: nn.Module, vlpose_cfg: dict, make_sample: Callable, tmp_path: Path
) -> nn.Module:
    """A VLPose tuned from it, saved with the state of its training as ``full.pth``."""
    model = build(vlpose_cfg)
    load_checkpoint(model, str(tmp_path / 'stock.pth'))
    train(model, make_sample)
    content = dict(
        meta=dict(epoch=3, experiment_name='art'),
        state_dict=model.state_dict(),
        optimizer=dict(state={0: torch.zeros(1000)}),
    )
    torch.save(content, tmp_path / 'full.pth')
    return model.eval()


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> Callable:
    """Run the command in the folder of the files; return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str, fails: bool = False) -> str:
        capsys.readouterr()
        if not fails:
            main(args)
            return capsys.readouterr().out
        with pytest.raises(SystemExit) as exit_info:
            main(args)
        assert exit_info.value.code == 2
        said = capsys.readouterr()
        assert not said.out
        return said.err.split('error: ')[1]

    return run


def test_extract_and_merge_give_the_checkpoint_back(
    stock: nn.Module,
    tuned: nn.Module,
    run: Callable,
    vlpose_cfg: dict,
    make_sample: Callable,
) -> None:
    assert 'no text features' in run('extract', 'full.pth', 'tuned.pth')
    content = read_file('tuned.pth')
    assert content.keys() == {'meta', 'state_dict'}
    assert not content['state_dict'].keys() & stock.state_dict().keys()
    run('merge', 'tuned.pth', 'stock.pth', 'merged.pth')
    assert read_file('merged.pth')['meta']['epoch'] == 3
    model = MODELS.build(vlpose_cfg).eval()
    load_checkpoint(model, 'merged.pth', map_location='cpu')
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    with torch.no_grad():
        assert torch.equal(model(image, samples), tuned(image, samples))
        with model.disable_adapter():
            assert torch.equal(model(image, samples), stock.eval()(image, samples))
    # The merged one is as good a base as the stock one.
    run('extract', 'merged.pth', 'again.pth')
    run('merge', 'again.pth', 'merged.pth', 'merged_again.pth')
    first, second = (read_file(f)['state_dict'] for f in ('merged.pth', 'merged_again.pth'))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_extract_takes_text_features_along(
    tuned: nn.Module, run: Callable, text_file: str, minilm: str
) -> None:
    assert '20 text prompts' in run('extract', 'full.pth', 'tuned.pth', '--text', text_file)
    given, kept = PrecomputedTextEncoder(text_file), PrecomputedTextEncoder('tuned.pth')
    assert torch.equal(
        given(TEXT_PROMPTS).last_hidden_state, kept(TEXT_PROMPTS).last_hidden_state
    )
    assert '20 text prompts' in run('merge', 'tuned.pth', 'stock.pth', 'merged.pth')
    assert '20 text prompts' in run('extract', 'merged.pth', 'again.pth')


def test_extract_leaves_the_state_of_the_training_out_of_a_adapter_file(
    tuned: nn.Module, run: Callable
) -> None:
    run('extract', 'full.pth', 'tuned.pth')
    content = read_file('tuned.pth')
    torch.save({**content, 'optimizer': torch.zeros(10**6)}, 'resumable.pth')
    run('extract', 'resumable.pth', 'small.pth')
    assert os.path.getsize('small.pth') == os.path.getsize('tuned.pth')
    assert torch.equal(
        read_file('small.pth')['state_dict'][KEY], content['state_dict'][KEY]
    )


def test_merge_takes_another_base_only_by_force(
    tuned: nn.Module, stock: nn.Module, run: Callable
) -> None:
    run('extract', 'full.pth', 'tuned.pth')
    other = {name: 2 * tensor for name, tensor in stock.state_dict().items()}
    torch.save(other, 'other.pth')
    said = run('merge', 'tuned.pth', 'other.pth', 'merged.pth', fails=True)
    assert said.startswith('tuned.pth and other.pth: The base weights are not those')
    for base in (stock.state_dict(), other):
        assert base_hash(base_of(base, [])) in said
    assert not os.path.exists('merged.pth')
    run('merge', 'tuned.pth', 'other.pth', 'merged.pth', '--force')
    merged = read_file('merged.pth')['state_dict']
    name = 'head.final_layer.weight'
    assert torch.equal(merged[name], other[name])


def test_info_tells_what_a_file_holds(
    tuned: nn.Module, stock: nn.Module, run: Callable, text_file: str
) -> None:
    run('extract', 'full.pth', 'tuned.pth', '--text', text_file)
    torch.save(
        dict(weights=dict(a=1), state_dict={'stem.weight': torch.ones(3)}), 'odd.pth'
    )
    kinds = {}
    for name in ('full.pth', 'tuned.pth', 'stock.pth', 'odd.pth', text_file):
        summary = json.loads(run('info', name, '--json', '-'))
        kinds[name] = summary['kind']
        content = read_file(name)
        weights = {} if name == text_file else content['state_dict']
        size = sum(tensor.nbytes for tensor in weights.values())
        assert summary['total'] == dict(tensors=len(weights), bytes=size)
    assert [*kinds.values()] == ['full', 'adapter', 'base', 'unknown', 'text features']

    full, small = (
        json.loads(run('info', name, '--json', '-')) for name in ('full.pth', 'tuned.pth')
    )
    sha256 = base_hash(base_of(stock.state_dict(), []))
    assert full['base_sha256'] == small['base_sha256'] == sha256
    assert full['hyperparameters'] == metadata_of(tuned.state_dict())['hyperparameters']
    assert full['meta'] == small['meta'] == dict(experiment_name='art', epoch=3)
    assert full['further'] == dict(optimizer=4000) and small['further'].keys() == {
        'text_features'
    }
    parts = {part['name']: part['tensors'] for part in small['parts']}
    assert parts['metadata'] == 1 and parts['matcher (adapter)'] == 12
    assert 'backbone (adapter)' in parts and 'backbone' not in parts
    assert full['text'] is None and small['text']['width'] == 384


def test_info_prints_a_table_and_writes_json(
    tuned: nn.Module, run: Callable, text_file: str
) -> None:
    run('extract', 'full.pth', 'tuned.pth', '--text', text_file)
    printed = run('info', 'tuned.pth', '--json', 'tuned.json')
    assert 'an adapter of a VLPose, without its base' in printed
    assert '20 text prompts, 384 wide\n' in printed and f'  {TEXT_PROMPTS[0]}\n' in printed
    with open('tuned.json', encoding='utf-8') as file:
        summary = json.load(file)
    assert summary['base_sha256'] in printed and 'epoch' in printed
    for name in ('stock.pth', text_file, 'full.pth'):
        assert run('info', name).startswith(f'{name}: ')


class Payload:
    """Pickles as a command that makes a file."""

    def __reduce__(self) -> tuple:
        return os.system, ('touch canary',)


@pytest.mark.parametrize(
    ('content', 'fault'),
    [
        ('payload', 'is refused as a checkpoint: its pickle asks for'),
        ('cut', 'cannot be read as a checkpoint'),
        ('text', 'cannot be read as a checkpoint'),
        ('folder', 'is a directory; name a checkpoint'),
        ('nothing', 'There is no file'),
        ('no weights', 'holds no weights'),
        ('a list', 'holds a list, which is not a checkpoint'),
    ],
)
def test_every_action_refuses_what_is_no_checkpoint(
    content: str, fault: str, tuned: nn.Module, run: Callable
) -> None:
    run('extract', 'full.pth', 'tuned.pth')
    path = Path('bad.pth')
    if content == 'payload':
        torch.save(dict(read_file('full.pth'), meta=Payload()), path)
    elif content == 'cut':
        path.write_bytes(Path('full.pth').read_bytes()[:5000])
    elif content == 'text':
        path.write_text('The weights are elsewhere.')
    elif content == 'folder':
        path.mkdir()
    elif content == 'no weights':
        torch.save(dict(meta=dict(epoch=1)), path)
    elif content == 'a list':
        torch.save([torch.ones(1)], path)
    for args in (
        ('extract', 'bad.pth', 'out.pth'),
        ('merge', 'bad.pth', 'stock.pth', 'out.pth'),
        ('merge', 'tuned.pth', 'bad.pth', 'out.pth'),
        ('info', 'bad.pth'),
    ):
        said = run(*args, fails=True)
        assert 'bad.pth' in said and fault in said and said.count('\n') == 1
    assert not os.path.exists('out.pth') and not os.path.exists('canary')


@pytest.mark.parametrize(
    ('args', 'fault'),
    [
        (('extract', 'stock.pth', 'out.pth'), 'stock.pth: The checkpoint has no'),
        (('extract', 'full.pth', 'no/out.pth'), 'no/out.pth: name a file in an existing'),
        (
            ('extract', 'full.pth', 'out.pth', '--text', 'no.pth'),
            'No file of text features',
        ),
        (('extract', 'full.pth', 'out.pth', '--text', 'stock.pth'), 'no text features'),
        (
            ('merge', 'full.pth', 'stock.pth', 'out.pth'),
            'full.pth and stock.pth: .*a whole',
        ),
        (('merge', 'stock.pth', 'full.pth', 'out.pth'), 'stock.pth and full.pth: .*has no'),
        (('merge', 'tuned.pth', 'part.pth', 'out.pth'), 'part.pth: The base lacks backb'),
        (('info', 'odd.pth'), 'odd.pth holds no text features'),
        (('info', 'full.pth', '--json', 'no/a.json'), 'no/a.json: name a file in an exist'),
    ],
)
def test_bad_input_gets_one_clear_error(
    args: tuple[str, ...], fault: str, tuned: nn.Module, stock: nn.Module, run: Callable
) -> None:
    run('extract', 'full.pth', 'tuned.pth')
    head = {k: v for k, v in stock.state_dict().items() if k.startswith('head.')}
    torch.save(head, 'part.pth')
    torch.save(dict(state_dict=head, text_features=dict(last_hidden_state=3)), 'odd.pth')
    said = run(*args, fails=True)
    assert re.search(fault, said), said
    assert said.count('\n') == 1
    assert not os.path.exists('out.pth')
