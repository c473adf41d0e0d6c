"""python -m vlpose_mm.tools.checkpoint"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS
from torch import nn

from tests.test_models.estimators import TEXT_PROMPTS, build
from vlpose_mm.checkpoint.adapter import base_hash, base_of
from vlpose_mm.checkpoint.io import read_file
from vlpose_mm.checkpoint.metadata import KEY, metadata_of
from vlpose_mm.models import PrecomputedTextEncoder
from vlpose_mm.tools.checkpoint import main


@pytest.fixture
def base(base_cfg: dict) -> nn.Module:
    """An estimator of MMPose, saved as ``base.pth``."""
    return build(base_cfg).eval()


@pytest.fixture
def model(base: nn.Module, vlpose_cfg: dict, run: Callable) -> nn.Module:
    """A VLPose on it, saved as ``full.pth``, with its adapter in ``tuned.pth``."""
    torch.save(dict(state_dict=base.state_dict()), 'base.pth')
    model = build(vlpose_cfg).eval()
    load_checkpoint(model, 'base.pth')
    content = dict(
        meta=dict(epoch=3, experiment_name='art'),
        state_dict=model.state_dict(),
        optimizer=dict(state={0: torch.zeros(1000)}),
    )
    torch.save(content, 'full.pth')
    assert 'no text features' in run('extract', 'full.pth', 'tuned.pth')
    return model


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
        printed = capsys.readouterr()
        assert not printed.out and not os.path.exists('out.pth')
        error = printed.err.split('error: ')[1]
        assert error.count('\n') == 1
        return error

    return run


@torch.no_grad()
def test_extract_and_merge_return_the_checkpoint(
    base: nn.Module,
    model: nn.Module,
    run: Callable,
    vlpose_cfg: dict,
    make_sample: Callable,
) -> None:
    content = read_file('tuned.pth')
    assert content.keys() == {'meta', 'state_dict'}
    assert not content['state_dict'].keys() & base.state_dict().keys()
    run('merge', 'tuned.pth', 'base.pth', 'merged.pth')
    assert read_file('merged.pth')['meta']['epoch'] == 3
    other = MODELS.build(vlpose_cfg).eval()
    load_checkpoint(other, 'merged.pth', map_location='cpu')
    batch = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    assert torch.equal(other(*batch), model(*batch))
    with other.disable_adapter():
        assert torch.equal(other(*batch), base(*batch))
    # The merged one is as good a base as MMPose's.
    run('extract', 'merged.pth', 'again.pth')
    run('merge', 'again.pth', 'merged.pth', 'merged_again.pth')
    first, second = (read_file(f)['state_dict'] for f in ('merged.pth', 'merged_again.pth'))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_extract_keeps_text_features_and_drops_the_training_state(
    model: nn.Module, run: Callable, text_file: str
) -> None:
    assert '20 text prompts' in run('extract', 'full.pth', 'text.pth', '--text', text_file)
    want, kept = PrecomputedTextEncoder(text_file), PrecomputedTextEncoder('text.pth')
    want = want(TEXT_PROMPTS).last_hidden_state
    assert torch.equal(want, kept(TEXT_PROMPTS).last_hidden_state)
    assert '20 text prompts' in run('merge', 'text.pth', 'base.pth', 'merged.pth')
    assert '20 text prompts' in run('extract', 'merged.pth', 'again.pth')
    content = read_file('tuned.pth')
    torch.save({**content, 'optimizer': torch.zeros(10**6)}, 'resumable.pth')
    run('extract', 'resumable.pth', 'small.pth')
    assert os.path.getsize('small.pth') == os.path.getsize('tuned.pth')
    metadata = read_file('small.pth')['state_dict'][KEY]
    assert torch.equal(metadata, content['state_dict'][KEY])


def test_share_writes_a_folder_that_reads_as_the_checkpoint(
    model: nn.Module, run: Callable, vlpose_cfg: dict, text_file: str
) -> None:
    run('extract', 'full.pth', 'text.pth', '--text', text_file)
    Config(dict(model=vlpose_cfg, data_root='/home/me/data/')).dump('vlpose.py')
    subset = dict(AP=0.5, instances=3, keypoint_oks=dict(nose=0.5))
    result = dict(
        result_file='/a/tuned.keypoints.json', subsets=dict(mural=subset), gap=None
    )
    Path('scores.json').write_text(
        json.dumps(dict(ann_file='/a/val.json', results=[result]))
    )
    options = '--config vlpose.py --base https://x/vitpose.pth --metrics scores.json'
    options += ' --license cc-by-nc-4.0 --data-license research'
    printed = run('share', 'text.pth', 'shared', *options.split())
    assert re.fullmatch(r'shared: adapter_model\S+ and adapter_con\S+, \S+ MB\n', printed)
    found, wanted = read_file('shared'), read_file('text.pth')
    assert found['state_dict'].keys() == wanted['state_dict'].keys()
    for name, tensor in wanted['state_dict'].items():
        assert torch.equal(found['state_dict'][name], tensor)
    config = json.loads(Path('shared/adapter_config.json').read_text())
    assert config['base_model_name_or_path'] == 'https://x/vitpose.pth'
    assert (config['license'], config['data_license']) == ('cc-by-nc-4.0', 'research')
    assert config['metrics'] == [
        dict(
            name='tuned',
            ann_file='val.json',
            subsets=dict(mural=dict(AP=0.5, instances=3)),
            gap=None,
        )
    ]
    assert '/home/me' not in found['meta']['cfg'] and found['meta']['epoch'] == 3
    # A folder is as good a source as a file.
    run('extract', 'shared', 'again.pth')
    assert json.loads(run('info', 'shared', '--json', '-'))['kind'] == 'adapter'
    run('share', 'again.pth', 'again')
    again = Path('again/adapter_model.safetensors').read_bytes()
    assert again == Path('shared/adapter_model.safetensors').read_bytes()


def test_share_says_what_others_will_lack(
    model: nn.Module, run: Callable, vlpose_cfg: dict, text_file: str
) -> None:
    assert 'It has no config, so others need one' in run('share', 'full.pth', 'shared')
    Config(dict(model=vlpose_cfg)).dump('vlpose.py')
    args = 'share', 'full.pth', 'shared', '--config', 'vlpose.py'
    assert 'others do not have its text encoder; add some' in run(*args, fails=True)
    run('extract', 'full.pth', 'text.pth', '--text', text_file)
    printed = run('share', 'text.pth', *args[2:])
    assert 'It does not say where its base is' in printed
    error = run(*args, '--base', 'my-vit', fails=True)
    assert error.startswith("Unknown model 'my-vit'")


def test_merge_takes_another_base_only_with_force(
    model: nn.Module, base: nn.Module, run: Callable
) -> None:
    other = {name: 2 * tensor for name, tensor in base.state_dict().items()}
    torch.save(other, 'other.pth')
    error = run('merge', 'tuned.pth', 'other.pth', 'out.pth', fails=True)
    assert error.startswith('tuned.pth and other.pth: The base weights are not those')
    for weights in (base.state_dict(), other):
        assert base_hash(base_of(weights, [])) in error
    run('merge', 'tuned.pth', 'other.pth', 'merged.pth', '--force')
    name = 'head.final_layer.weight'
    assert torch.equal(read_file('merged.pth')['state_dict'][name], other[name])


def test_info_describes_what_a_file_holds(
    model: nn.Module, base: nn.Module, run: Callable, text_file: str
) -> None:
    run('extract', 'full.pth', 'text.pth', '--text', text_file)
    odd = dict(weights=dict(a=1), state_dict={'stem.weight': torch.ones(3)})
    torch.save(odd, 'odd.pth')
    files = ('full.pth', 'text.pth', 'base.pth', 'odd.pth', text_file)
    summaries = {name: json.loads(run('info', name, '--json', '-')) for name in files}
    for name, summary in summaries.items():
        weights = {} if name == text_file else read_file(name)['state_dict']
        size = sum(tensor.nbytes for tensor in weights.values())
        assert summary['total'] == dict(tensors=len(weights), bytes=size)
        assert run('info', name).startswith(f'{name}: ')
    kinds = [summary['kind'] for summary in summaries.values()]
    assert kinds == ['full', 'adapter', 'base', 'unknown', 'text features']

    full, small = summaries['full.pth'], summaries['text.pth']
    sha256 = base_hash(base_of(base.state_dict(), []))
    assert full['base_sha256'] == small['base_sha256'] == sha256
    assert full['hyperparameters'] == metadata_of(model.state_dict())['hyperparameters']
    assert full['meta'] == small['meta'] == dict(experiment_name='art', epoch=3)
    assert full['further'] == dict(optimizer=4000)
    assert small['further'].keys() == {'text_features'}
    parts = {part['name']: part['tensors'] for part in small['parts']}
    assert parts['metadata'] == 1 and parts['matcher (adapter)'] == 12
    assert 'backbone (adapter)' in parts and 'backbone' not in parts
    assert full['text'] is None and small['text']['width'] == 384

    printed = run('info', 'text.pth', '--json', 'text.json')
    assert json.loads(Path('text.json').read_text(encoding='utf-8')) == small
    assert 'an adapter of a VLPose, without its base' in printed
    assert '20 text prompts, 384 wide\n' in printed and f'  {TEXT_PROMPTS[0]}\n' in printed
    assert sha256 in printed and 'epoch' in printed


class Payload:
    """Pickles as a command that makes a file."""

    def __reduce__(self) -> tuple:
        return os.system, ('touch canary',)


def test_every_action_refuses_what_is_not_a_checkpoint(
    model: nn.Module, run: Callable
) -> None:
    Path('folder.pth').mkdir()
    Path('cut.pth').write_bytes(Path('full.pth').read_bytes()[:5000])
    Path('text.pth').write_text('The weights are elsewhere.')
    torch.save(dict(read_file('full.pth'), meta=Payload()), 'payload.pth')
    torch.save(dict(meta=dict(epoch=1)), 'no_weights.pth')
    torch.save([torch.ones(1)], 'list.pth')
    faults = {
        'payload.pth': 'is refused as a checkpoint: its pickle asks for',
        'cut.pth': 'cannot be read as a checkpoint',
        'text.pth': 'cannot be read as a checkpoint',
        'folder.pth': 'is a directory; name a checkpoint',
        'nothing.pth': 'There is no file',
        'no_weights.pth': 'holds no weights',
        'list.pth': 'holds a list, which is not a checkpoint',
    }
    for bad, fault in faults.items():
        for args in (
            ('extract', bad, 'out.pth'),
            ('merge', bad, 'base.pth', 'out.pth'),
            ('merge', 'tuned.pth', bad, 'out.pth'),
            ('info', bad),
        ):
            error = run(*args, fails=True)
            assert bad in error and fault in error
    assert not os.path.exists('canary')


FAULTS = {
    'extract base.pth out.pth': 'base.pth: The checkpoint has no',
    'extract full.pth no/out.pth': 'no/out.pth: name a file in an existing',
    'extract full.pth out.pth --text no.pth': 'No file of text features',
    'extract full.pth out.pth --text base.pth': 'no text features',
    'merge full.pth base.pth out.pth': 'full.pth and base.pth: .*a whole',
    'merge base.pth full.pth out.pth': 'base.pth and full.pth: .*has no',
    'merge tuned.pth part.pth out.pth': 'part.pth: The base lacks backb',
    'share base.pth out': 'base.pth: The checkpoint has no',
    'share full.pth out --metrics odd.pth': 'odd.pth: ',
    'share full.pth out --config no.py': "vlpose_mm has no config 'no.py'",
    'info odd.pth': 'odd.pth holds no text features',
    'info full.pth --json no/a.json': 'no/a.json: name a file in an exist',
}


def test_bad_input_gets_one_clear_error(
    model: nn.Module, base: nn.Module, run: Callable
) -> None:
    head = {k: v for k, v in base.state_dict().items() if k.startswith('head.')}
    torch.save(head, 'part.pth')
    torch.save(dict(state_dict=head, text_features=dict(last_hidden_state=3)), 'odd.pth')
    for line, fault in FAULTS.items():
        error = run(*line.split(), fails=True)
        assert re.search(fault, error), error
