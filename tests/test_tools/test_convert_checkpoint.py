"""python -m vlpose_mm.tools.convert_checkpoint, on small files of every source."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS

from tests.conftest import BACKBONE, HEAD, TEST_CFG
from tests.test_checkpoint.test_converters import authors
from tests.test_checkpoint.test_converters.library import (
    HAS_VITPOSE,
    albef,
    blip_text,
    dinov2,
    lavis_names,
    needs_vitpose,
    original_names,
    vitpose,
)
from tests.test_models.estimators import TEXT_PROMPTS, build
from vlpose_mm.tools.convert_checkpoint import main


@pytest.fixture(scope='module')
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint of every source that the installed library allows."""
    folder = tmp_path_factory.mktemp('sources')
    head = dict(type='HeatmapHead', in_channels=32, **HEAD)
    cfg = dict(type='TopdownPoseEstimator', backbone=BACKBONE, head=head)
    base = build(dict(cfg, test_cfg=TEST_CFG)).state_dict()
    tuned = authors.tune(base, text_dims=384)
    sources = dict(
        base=base,
        bare=tuned,
        released=tuned | lavis_names(blip_text()),
        albef=albef()[1],
    )
    if HAS_VITPOSE:
        library = vitpose(layer_norm_eps=1e-12)
        library.save_pretrained(folder / 'hub')
        sources['vitpose'] = original_names(library)
    for name, weights in sources.items():
        torch.save(dict(state_dict=weights), folder / f'{name}.pth')
    return folder


@pytest.fixture
def files(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, which is the working directory."""
    monkeypatch.chdir(shutil.copytree(sources, tmp_path / 'files'))
    return tmp_path / 'files'


@pytest.fixture
def run(files: Path, capsys: pytest.CaptureFixture) -> Callable:
    """Run the command; returns its two outputs."""

    def run(*args: str) -> tuple[str, str]:
        main(list(args))
        return capsys.readouterr()

    return run


@pytest.fixture
def refused(files: Path, run: Callable, capsys: pytest.CaptureFixture) -> Callable:
    """Run the command, which must fail and leave all files as they were."""

    def snapshot() -> dict:
        return {path: path.stat().st_mtime_ns for path in files.rglob('*')}

    def refused(*args: str) -> str:
        before = snapshot()
        with pytest.raises(SystemExit) as exit_info:
            run(*args)
        assert exit_info.value.code == 2 and snapshot() == before
        captured = capsys.readouterr()
        assert captured.out == '' and 'Traceback' not in captured.err
        return captured.err

    return refused


@pytest.fixture
def released_cfg(vlpose_cfg: dict) -> dict:
    """The config of the model that reads a released checkpoint."""
    vlpose_cfg['backbone']['lora'] = None
    vlpose_cfg['head'].update(wiring='released', tuned_norms=True)
    return vlpose_cfg


def weights_of(name: str) -> dict:
    return torch.load(name)['state_dict']


def test_a_released_file_alone_says_what_it_lacks(
    run: Callable, released_cfg: dict, make_sample: Callable
) -> None:
    out, err = run('released', 'released.pth', 'out.pth')
    assert 'out.pth: ' in out and 'head.tuned_norms  ' in out
    assert 'model.head.wiring=released model.head.tuned_norms=True' in out
    for setting in ('num_tokens=3', 'deep=True'):
        assert f'model.backbone.visual_prompt.{setting}' in out
    assert 'BLIP text encoder was omitted: --text FOLDER writes it' in err
    assert 'Salesforce/blip-itm-base-coco' in err
    assert "original route cannot be restored from this file: the authors' trai" in err
    model = MODELS.build(released_cfg).eval()
    load_checkpoint(model, 'out.pth', strict=True)
    image = torch.randn(1, 3, 128, 96)
    states = model.text_encoder(TEXT_PROMPTS[:1]).last_hidden_state[0]
    with torch.no_grad():
        found = model(image, [make_sample(TEXT_PROMPTS[0])])[0]
    expected = authors.heatmaps(weights_of('bare.pth'), image[0], states)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_a_released_file_with_its_base_and_text_encoder_is_whole(
    run: Callable, released_cfg: dict, base_cfg: dict, minilm: str
) -> None:
    args = ('--base', 'base.pth', '--text', 'text', '--tokenizer', minilm)
    out, err = run('released', 'released.pth', 'out.pth', *args)
    assert 'model.text_encoder.pretrained=text' in out
    assert 'omitted' not in err and 'cannot be restored' not in err
    text_encoder = dict(type='TransformersTextEncoder', pretrained='text')
    assert MODELS.build(text_encoder)(TEXT_PROMPTS).last_hidden_state.shape[2] == 128
    model, base = MODELS.build(released_cfg).eval(), MODELS.build(base_cfg).eval()
    load_checkpoint(model, 'out.pth', strict=True)
    load_checkpoint(base, 'base.pth', strict=True)
    image = torch.randn(1, 3, 128, 96)
    with torch.no_grad(), model.disable_adapter():
        assert torch.equal(model(image), base(image, None))


def test_a_released_file_without_text_encoder_or_with_another_names_the_model(
    run: Callable,
) -> None:
    _, err = run('released', 'bare.pth', 'out.pth')
    assert 'holds no text encoder' in err and 'Salesforce/blip-itm-base-coco' in err
    clip = {'text_encoder.token_embedding.weight': torch.rand(4, 4)}
    torch.save(dict(state_dict=weights_of('bare.pth') | clip), 'clip.pth')
    _, err = run('released', 'clip.pth', 'out.pth')
    assert "it is not BLIP's" in err and 'albef' in err


@needs_vitpose
def test_vitpose_of_both_sources_becomes_the_same_checkpoint(
    run: Callable, base_cfg: dict
) -> None:
    out, err = run('vitpose', 'vitpose.pth', 'original.pth')
    assert 'original.pth: ' in out and 'head.deconv_layers' in out and err == ''
    _, err = run('transformers', 'hub', 'library.pth')
    assert 'set model.backbone.norm_eps=1e-12' in err
    original, library = weights_of('original.pth'), weights_of('library.pth')
    assert original.keys() == library.keys()
    assert all(torch.equal(original[name], library[name]) for name in original)
    base_cfg['head'].update(deconv_out_channels=(256, 256))
    load_checkpoint(MODELS.build(base_cfg), 'original.pth', strict=True)


def test_albef_becomes_a_folder_that_the_text_encoder_reads(
    run: Callable, refused: Callable, minilm: str
) -> None:
    out, _ = run('albef', 'albef.pth', 'text', '--tokenizer', minilm)
    assert 'text: 6 layers, 128 wide, 30522 words' in out
    text_encoder = dict(type='TransformersTextEncoder', pretrained='text')
    assert MODELS.build(text_encoder)(TEXT_PROMPTS).last_hidden_state.shape[2] == 128
    weights = weights_of('albef.pth')
    weights['text_encoder.bert.embeddings.word_embeddings.weight'] = torch.ones(100, 128)
    torch.save(dict(model=weights), 'albef.pth')
    err = refused('albef', 'albef.pth', 'out', '--tokenizer', minilm)
    assert 'has 30522 tokens, but albef.pth has 100' in err


def test_dinov2_becomes_the_backbone_of_a_vitpose(run: Callable, base_cfg: dict) -> None:
    dinov2('dinov2')
    out, _ = run('dinov2', 'dinov2', 'dinov2.pth')
    arch = dict(embed_dims=128, num_layers=2, num_heads=2, feedforward_channels=256)
    assert f'model.backbone.arch={arch}' in out
    base_cfg['backbone'].update(arch=arch, patch_cfg={})
    base_cfg['head'].update(in_channels=128)
    model = MODELS.build(base_cfg)
    load_checkpoint(model, 'dinov2.pth')
    weights = weights_of('dinov2.pth')
    name = 'layers.1.ffn.layers.1.weight'
    assert torch.equal(model.backbone.state_dict()[name], weights[f'backbone.{name}'])


@needs_vitpose
def test_what_has_no_place_is_listed_and_omitted_only_if_allowed(
    run: Callable, refused: Callable
) -> None:
    name = 'associate_keypoint_heads.{}.final_layer.bias'
    more = {name.format(i): torch.ones(1) for i in range(3)}
    torch.save(dict(state_dict=weights_of('vitpose.pth') | more), 'more.pth')
    listed = f'3 tensors without a place: {name.format("N")} (3)'
    err = refused('vitpose', 'more.pth', 'out.pth')
    assert f'more.pth: {listed}. --allow-unmapped' in err
    _, err = run('vitpose', 'more.pth', 'out.pth', '--allow-unmapped')
    assert f'Omitted {listed}.' in err
    run('vitpose', 'vitpose.pth', 'plain.pth')
    assert weights_of('out.pth').keys() == weights_of('plain.pth').keys()


class Payload:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ('harm',)


@pytest.mark.parametrize(
    'source',
    [
        'released',
        pytest.param('vitpose', marks=needs_vitpose),
        pytest.param('transformers', marks=needs_vitpose),
        'albef',
    ],
)
def test_unsafe_broken_and_other_files_are_refused_and_nothing_is_written(
    source: str, refused: Callable
) -> None:
    path = name = f'{source}.pth'
    if source == 'transformers':
        path, name = 'hub/pytorch_model.bin', 'hub'
        Path('hub/model.safetensors').rename(path)
    torch.save(dict(state_dict=Payload()), path)
    assert 'mkdir' in refused(source, name, 'out')
    assert not Path('harm').exists()
    torch.save(dict(state_dict={'stem.weight': torch.ones(1)}), path)
    err = refused(source, name, 'out')
    assert f'error: {name}: ' in err
    assert ('nothing in it becomes ' in err) == (source != 'albef')
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: len(whole) // 2])
    assert 'cannot be read as a checkpoint' in refused(source, name, 'out')


@needs_vitpose
def test_bad_arguments_are_refused(refused: Callable) -> None:
    for name, shape in (('deep_prompt_embed', (2, 9, 9)), ('pos_embed', (7,))):
        odd = {f'backbone.{name}': torch.zeros(shape)}
        torch.save(dict(state_dict=weights_of('bare.pth') | odd), f'{name}.pth')
    for args, message in (
        ('released hub out.pth', 'hub is a directory'),
        ('released pos_embed.pth out.pth', 'pos_embed.pth'),
        ('released deep_prompt_embed.pth out.pth', 'deep_prompt_embed.pth'),
        ('vitpose nowhere.pth out.pth', 'no file nowhere.pth'),
        ('vitpose vitpose.pth hub', 'name a file in an existing folder'),
        ('transformers vitpose.pth out.pth', 'vitpose.pth is not a folder; name the one'),
        ('released released.pth out.pth --base hub', 'hub is a directory'),
        ('released released.pth out.pth --base vitpose.pth', "in MMPose's names"),
        ('released released.pth out.pth --text base.pth', 'is a file; name a folder'),
        ('released released.pth out.pth --text hub', 'it is not empty'),
        ('released released.pth out.pth --text new --tokenizer hub', 'hub'),
        ('released bare.pth out.pth --text new', 'bare.pth: it holds no text encoder of'),
        ('dinov2 hub out.pth', "hub: its model_type is 'vitpose', not 'dinov2'"),
        ('dinov2 nowhere.onnx out.pth', 'nowhere.onnx'),
        ('albef albef.pth base.pth', 'is a file; name a folder'),
        ('albef albef.pth new --tokenizer hub', 'hub'),
    ):
        assert message in refused(*args.split()), args
