"""An adapter as a folder holds what its checkpoint does, bit for bit."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint

from tests.test_models.estimators import TEXT_PROMPTS, build
from vlpose_mm.checkpoint.adapter_folder import encode_folder, read_folder
from vlpose_mm.checkpoint.io import read_file, state_dict_of
from vlpose_mm.local_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClass


def write(content: dict, folder: Path, **facts: object) -> Path:
    """Write an adapter to a folder."""
    folder.mkdir()
    for name, stream in encode_folder(content, facts).items():
        (folder / name).write_bytes(stream)
    return folder


@pytest.fixture
def model(vlpose_cfg: dict) -> torch.nn.Module:
    """A small VLPose with a fitted classifier."""
    model = build({**vlpose_cfg, 'scenario_classifier': dict(type='ScenarioClassifier')})
    classes = [ScenarioClass(None, None, 'a photo'), ScenarioClass('sketch', 'art', 'b')]
    model.scenario_classifier.assign(classes, torch.randn(2, 32), torch.randn(2))
    return model.eval()


@pytest.fixture
def content(model: torch.nn.Module) -> dict:
    """Its adapter checkpoint."""
    model.text_encoder(TEXT_PROMPTS)
    model.adapter_text.note(TEXT_PROMPTS, is_tuned=True)
    sigmas = np.array([0.026, 0.1], np.float32)
    colors = np.array([[51, 153, 255]], np.uint8)
    meta = dict(
        keypoint_id2name={0: 'nose', 10: 'left_wrist'},
        sigmas=sigmas,
        keypoint_colors=colors,
        num_keypoints=np.int64(2),
    )
    return dict(
        state_dict=model.adapter_state_dict(),
        text_features=model.adapter_text_features(),
        meta=dict(epoch=3, cfg='model = dict()', dataset_meta=meta, hook_msgs={}),
        optimizer=dict(state={}),
    )


@pytest.fixture
def folder(content: dict, tmp_path: Path) -> Path:
    """The same as a folder."""
    return write(content, tmp_path / 'shared', license='cc-by-nc-4.0')


def equal(one: object, other: object) -> bool:
    """Whether nested values are the same, also in their dtypes."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return one == other


@pytest.mark.fast
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_a_folder_holds_all_of_a_checkpoint_but_its_training_state(
    dtype: torch.dtype, content: dict, tmp_path: Path
) -> None:
    # Parts of one tensor, and not in the order of their memory.
    name = 'matcher.q.weight'
    tensor = content['state_dict'][name]
    content['state_dict'][name] = torch.stack([tensor, tensor]).to(dtype)[0].t()
    found = read_file(str(write(content, tmp_path / 'shared')))
    assert found.keys() == {'state_dict', 'text_features', 'meta'}
    del content['meta']['hook_msgs']
    for key in found:
        assert equal(content[key], found[key]), key
    assert equal(state_dict_of(found, ''), content['state_dict'])


def test_the_json_says_what_others_should_know(content: dict, folder: Path) -> None:
    config = json.loads((folder / ADAPTER_CONFIG).read_text())
    assert config['format_version'] == 1 and config['license'] == 'cc-by-nc-4.0'
    assert [each['scenario'] for each in config['scenario_classes']] == [None, 'sketch']
    assert config['text']['tuned_with'] == TEXT_PROMPTS
    assert len(config['adapter']['base']['sha256']) == 64
    stream = (folder / ADAPTER_WEIGHTS).read_bytes()
    assert config['weights_sha256'] == hashlib.sha256(stream).hexdigest()


@torch.no_grad()
@pytest.mark.parametrize('name', ['', ADAPTER_CONFIG, ADAPTER_WEIGHTS])
def test_load_adapter_takes_it_by_the_folder_and_by_its_files(
    name: str, model: torch.nn.Module, content: dict, folder: Path, make_sample
) -> None:
    batch = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    model._has_base = True
    expected = model(*batch)
    own = model.state_dict()
    for key in content['state_dict']:
        if own[key].is_floating_point():
            own[key].zero_()
    assert not torch.equal(model(*batch), expected)
    model.load_adapter(folder / name, 'shared')
    assert torch.equal(model(*batch), expected) and model.active_adapter == 'shared'


def test_mmengine_loads_it_as_a_checkpoint(
    model: torch.nn.Module, content: dict, folder: Path
) -> None:
    model._has_base = True
    loaded = load_checkpoint(model, str(folder))
    assert equal(loaded['meta'], read_folder(str(folder))['meta'])
    assert torch.equal(model.matcher.q.weight, content['state_dict']['matcher.q.weight'])
    with pytest.raises(FileNotFoundError, match='can not be found'):
        load_checkpoint(model, str(folder.parent))


def change(folder: Path, **entries: object) -> None:
    """Replace entries of the JSON; ``None`` removes them."""
    path = folder / ADAPTER_CONFIG
    config = {**json.loads(path.read_text()), **entries}
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


def resave_as_pickle(folder: Path) -> None:
    """Write a pickle in place of the numbers, and say that it is right."""
    path = folder / ADAPTER_WEIGHTS
    torch.save(dict(weight=torch.ones(1)), path)
    change(folder, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


FAULTS = {
    r'folder \S+ has no adapter_config.json': lambda f: (f / ADAPTER_CONFIG).unlink(),
    r'folder \S+ has no adapter_model.safetensors': lambda f: (
        f / ADAPTER_WEIGHTS
    ).unlink(),
    'is broken, or of another adapter .*gives another SHA-256': lambda f: (
        f / ADAPTER_WEIGHTS
    ).write_bytes(b'half'),
    'is broken, or of another adapter': resave_as_pickle,
    r'does not describe an adapter of vlpose_mm \(Expecting value': lambda f: (
        f / ADAPTER_CONFIG
    ).write_text('no JSON'),
    r'adapter of vlpose_mm \(list indices': lambda f: (f / ADAPTER_CONFIG).write_text('[]'),
    r'vlpose_mm \(it is of peft, LORA\)': lambda f: change(f, peft_type='LORA'),
    r'\(its format is 2; vlpose_mm \S+ reads 1\)': lambda f: change(f, format_version=2),
    r"\(it has no 'weights_sha256'\)": lambda f: change(f, weights_sha256=None),
    r'\(meta is 3\)': lambda f: change(f, meta=3),
    r'\(it has an array of <U9': lambda f: change(
        f, meta=dict(x=dict(dtype='U9', values=['x']))
    ),
    'is not what a VLPose writes': lambda f: change(f, adapter=dict(base=3)),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_what_is_missing_broken_or_foreign_is_refused_in_a_sentence(
    fault: str, folder: Path
) -> None:
    FAULTS[fault](folder)
    with pytest.raises((OSError, ValueError), match=fault) as info:
        read_file(str(folder))
    assert len(str(info.value).splitlines()) == 1
