"""Models by name, by config, by checkpoint."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import DATASETS, MODELS

from tests.new_style import with_classes
from tests.test_apis.detector_weights import write_weights
from vlpose_mm.analysis.base_model import base_config
from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.apis import model_zoo as zoo
from vlpose_mm.apis.model_zoo import demo_images, find_model
from vlpose_mm.checkpoint import adapter, download
from vlpose_mm.models import PrecomputedTextEncoder
from vlpose_mm.names import (
    DEFAULT_DETECTOR,
    DETECTORS,
    MINILM,
    OFFLINE_MODEL,
    PACKAGED,
    WHOLE_IMAGE,
    find_entry,
    model_names,
    published_models,
)
from vlpose_mm.tools.checkpoint import main as share

BASE = 'td-hm_VLPose-base_8xb64-210e_humanart-256x192'


@pytest.fixture
def whole(small_config: Path, tmp_path: Path) -> str:
    """A whole checkpoint of the small config, with its config in it."""
    cfg = Config.fromfile(small_config)
    path = tmp_path / 'whole.pth'
    state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=state, meta=dict(cfg=cfg.pretty_text)), path)
    return str(path)


@pytest.fixture
def adapter_file(whole: str, tmp_path: Path) -> str:
    """What was tuned of it."""
    path = tmp_path / 'tuned.pth'
    state = torch.load(whole)['state_dict']
    torch.save(dict(state_dict=adapter.extract(state)), path)
    return str(path)


@pytest.mark.fast
def test_a_model_in_the_package_is_found_from_any_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = find_model('mini-drawn')
    assert found.is_tuned and Path(found.weights).is_file()
    assert Path(found.cfg.model.base_weights).is_file()
    scenarios = {path.parent.name for path in demo_images().glob('*/*/*.jpg')}
    assert len(scenarios) == 19 and list(demo_images().glob('photo/*.jpg'))


def test_without_its_text_encoder_the_demo_has_the_features_of_its_scenarios(
    monkeypatch, sketches, demo
) -> None:
    monkeypatch.setattr(zoo, 'find_spec', lambda name: None)
    without = VLPoseInferencer('mini-drawn', device='cpu')
    (result,), (wanted,) = without(sketches[0], True), demo(sketches[0], True)
    assert result['text_prompt'] == wanted['text_prompt'] == 'a sketch of a person'
    found, expected = (r['predictions'][0].pred_instances for r in (result, wanted))
    assert abs(found.keypoints - expected.keypoints).max() < 0.05
    with pytest.raises(
        ValueError, match="'a bronze statue' is not among them; the closest"
    ):
        without(sketches[0], text_prompt='a bronze statue')
    with pytest.raises(ValueError, match="Unknown scenario 'pixel art'"):
        without(sketches[0], scenario='pixel art')


def test_a_name_of_the_index_takes_its_published_base(monkeypatch, tmp_path) -> None:
    asked = []
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    path = Path(
        download.cached_path('http://x/td-hm_ViTPose-base_8xb64-210e_coco-256x192.pth')
    )
    path.parent.mkdir()
    stock = dict(state_dict={'backbone.ln1.weight': torch.ones(3)})

    def fetched(urls: list[str]) -> list[str]:
        asked.extend(urls)
        torch.save(stock, path)
        return [str(path)] * len(urls)

    monkeypatch.setattr(zoo, 'fetch_all', fetched)
    found = find_model(BASE.upper())
    assert found.name == BASE and not found.is_tuned
    assert asked[0].startswith('https://') and 'ViTPose-base' in asked[0]
    assert BASE in model_names() and 'mini-drawn' in model_names()


@pytest.mark.parametrize(
    ('name', 'config', 'file'),
    [
        ('human', 'rtmpose-m_8xb256-420e_body8-256x192', 'rtmpose-m_simcc-body7_pt-body7_'),
        ('ViTPose-S', *2 * ('td-hm_ViTPose-small-simple_8xb64-210e_coco-256x192',)),
        # MMPose's index has another config of this name as well.
        (
            'rtmpose-t_8xb256-420e_coco-256x192',
            'rtmpose-t_8xb256-420e_coco-256x192',
            'rtmpose-tiny_simcc-coco_pt-aic-coco_',
        ),
        (
            'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
            'td-hm_ViTPose-base-simple_8xb64-210e_coco-256x192.py',
            *2 * ('td-hm_ViTPose-base-simple_8xb64-210e_coco-256x192',),
        ),
    ],
)
def test_a_model_of_mmpose_is_found_with_its_published_weights(
    name, config, file, monkeypatch, tmp_path
) -> None:
    asked = []
    monkeypatch.setattr(
        zoo, 'fetch_all', lambda urls: asked.extend(urls) or [str(path)] * len(urls)
    )
    path = tmp_path / 'weights.pth'
    torch.save({'head.final_layer.bias': torch.ones(3)}, path)
    found = find_model(name)
    assert Path(found.cfg.filename).stem == config and not found.is_tuned
    assert asked[0].startswith('https://download.openmmlab.com/mmpose/v1/')
    assert asked[0].rpartition('/')[2].startswith(file)
    is_vit = 'ViT' in config
    assert is_vit == (found.cfg.model.backbone.type == 'PromptedVisionTransformer')


def test_every_vitpose_of_mmpose_runs_on_our_vit(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    (tmp_path / 'checkpoints').mkdir()
    names = [name for name in model_names() if name.startswith('td-hm_ViTPose')]
    assert len(names) == 12
    for name in names:
        weights = download.cached_path(find_entry(name)['Weights'])
        torch.save({'head.final_layer.bias': torch.ones(3)}, weights)
        with torch.device('meta'):
            model = MODELS.build(find_model(name).cfg.model)
        assert type(model.backbone).__name__ == 'PromptedVisionTransformer'


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('rtmo', r'rtmo-l_16xb16-600e_body7-640x640 is a bottom-up model \(Bottomup'),
        ('human3d', r'is a 3D model \(PoseLifter\), not a top-down 2D'),
        ('hand3d', 'is a 3D model'),
        ('dwpose_l-ll_coco-384x288', 'is a DWPoseDistiller, not a top-down 2D model; use'),
        ('edpose', 'The config .*edpose_res50.* cannot be read'),
        ('rtmpose-x_8xb64-270e_coco-ubody-wholebody-256x192', 'has no weights; give some'),
        ('rtmpose-m', "Unknown model 'rtmpose-m'.*closest are rtmpose-m_8xb"),
        ('mmpose::body/none.py', "Unknown model 'mmpose::body/none.py'"),
    ],
)
def test_a_model_of_mmpose_that_does_not_run_is_refused_before_it_is_downloaded(
    name, message
) -> None:
    with pytest.raises(ValueError, match=message):
        find_model(name)


def test_tuned_weights_need_only_the_name_of_their_base(
    small_config, whole, adapter_file, sketches, tmp_path
) -> None:
    cfg, base = Config.fromfile(small_config), str(tmp_path / 'vitpose.pth')
    cfg.merge_from_dict(
        dict(load_from='/elsewhere/vitpose.pth', model=dict(base_weights=None))
    )
    content, state = torch.load(adapter_file), torch.load(whole)['state_dict']
    torch.save(dict(content, meta=dict(cfg=cfg.pretty_text)), adapter_file)
    torch.save(adapter.base_of(state, content['state_dict']), base)
    mmposes = Config(dict(cfg, model=base_config(cfg.model.to_dict()), load_from=base))
    options = dict(device='cpu', det_model='whole_image')
    plain = VLPoseInferencer(mmposes, **options)
    with pytest.raises(FileNotFoundError, match='no file /elsewhere/vitpose.pth, where it'):
        VLPoseInferencer(adapter_file, **options)
    for weights in (adapter_file, whole):
        tuned = VLPoseInferencer(mmposes, weights, **options)
        assert tuned.is_tuned and tuned.name == weights
        assert next(tuned(sketches[0]))['route'] == 'tuned'
        (expected,), (found,) = plain(sketches[0]), tuned(sketches[0], route='original')
        assert found['predictions'] == expected['predictions'], weights
    torch.save(dict(state_dict=content['state_dict']), adapter_file)
    with pytest.raises(ValueError, match='tuned.pth holds no config; give the config'):
        find_model(mmposes, adapter_file)


@pytest.fixture
def shared_drawn(tmp_path: Path) -> str:
    """The adapter of mini-drawn as a folder that others load by itself."""
    found = PACKAGED['mini-drawn']
    config, weights = (zoo.package_root() / 'projects' / n for n in found[:2])
    encoder = f'type=TransformersTextEncoder pretrained={MINILM}/model _delete_=True'
    options = [f'model.text_encoder.{option}' for option in encoder.split()]
    args = [str(weights), str(tmp_path / 'drawn'), '--config', str(config)]
    share(['share', *args, '--base', 'mini-drawn', '--cfg-options', *options])
    return str(tmp_path / 'drawn')


def test_a_shared_adapter_is_a_model_by_itself(shared_drawn, sketches, demo) -> None:
    model = VLPoseInferencer(shared_drawn, det_model='cropped', device='cpu')
    (found,), (expected,) = model(sketches[0]), demo(sketches[0])
    assert found == expected
    assert model.is_tuned and model.digests[0] == demo.digests[0]
    # An adapter with the same base, named as weights of another model.
    found = find_model('mini-drawn', shared_drawn)
    assert found.weights == shared_drawn and found.digest() == model.digests[1]


def test_a_shared_adapter_reads_its_own_text_features_where_there_is_no_text_encoder(
    shared_drawn, sketches, demo, monkeypatch
) -> None:
    monkeypatch.setattr(zoo, 'find_spec', lambda name: None)
    model = VLPoseInferencer(shared_drawn, det_model='cropped', device='cpu')
    assert isinstance(model.text_encoder, PrecomputedTextEncoder)
    (result,), (wanted,) = model(sketches[0], True), demo(sketches[0], True)
    assert result['text_prompt'] == wanted['text_prompt'] == 'a sketch of a person'
    found, expected = (r['predictions'][0].pred_instances for r in (result, wanted))
    assert abs(found.keypoints - expected.keypoints).max() < 0.05


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No network; return the empty folder of downloads."""

    def unreachable(*args: object, **kwargs: object) -> None:
        raise OSError('Temporary failure in name resolution')

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr('vlpose_mm.checkpoint.download.urlopen', unreachable)
    return tmp_path / 'checkpoints'


def test_without_network_model_and_detector_are_named_at_once(offline) -> None:
    with pytest.raises(OSError, match='name resolution') as info:
        VLPoseInferencer()
    model = 'td-hm_ViTPose-base_8xb64-210e_humanart-256x192-b417f546_20230611.pth'
    detector = 'yolox_m_8xb8-300e_humanart-c2c7a14a.pth'
    for folder, file in (('.*topdown_heatmap/human_art', model), ('.*', detector)):
        pattern = rf'(https://download.openmmlab.com/mmpose/v1/{folder}/{file}).* at (\S+)'
        found = re.search(pattern, str(info.value))
        assert str(offline / file) in str(info.value) and found, file
    assert f'The model {OFFLINE_MODEL} needs no download' in str(info.value)
    inferencer = VLPoseInferencer(OFFLINE_MODEL, device='cpu')
    assert inferencer.det_name == PACKAGED[OFFLINE_MODEL].det_model


def test_without_network_base_and_detector_of_an_adapter_are_named_at_once(
    small_config, adapter_file, offline
) -> None:
    cfg = Config.fromfile(small_config)
    cfg.model.base_weights = cfg.load_from = 'https://a.example/base.pth'
    with pytest.raises(OSError, match=r'example/base.pth .*, and https:\S+yolox_m\S+ at /'):
        VLPoseInferencer(cfg, adapter_file, device='cpu')
    # Nothing is loaded before it is known that the detector is missing.
    with pytest.raises(OSError, match=r'Cannot download https:\S+yolox_m.*needs no down'):
        VLPoseInferencer(str(small_config), device='cpu')


def test_a_published_model_and_its_detector_run_from_the_cache(offline, image) -> None:
    name = 'rtmpose-t_8xb256-420e_humanart-256x192'
    offline.mkdir()
    (model,) = [entry for entry in published_models() if entry['Name'] == name]
    state = MODELS.build(Config.fromfile(model['Config']).model).state_dict()
    torch.save(dict(state_dict=state), offline / Path(model['Weights']).name)
    weights = write_weights(offline, DEFAULT_DETECTOR)
    Path(weights).rename(offline / Path(DETECTORS[DEFAULT_DETECTOR].weights).name)
    inferencer = VLPoseInferencer(name, device='cpu')
    assert (inferencer.name, inferencer.det_name) == (name, DEFAULT_DETECTOR)
    assert len(inferencer.detect(image, nms_thr=0.1))
    (result,) = inferencer(image, bboxes=[[5, 5, 90, 120]])
    assert result['route'] == 'original' and len(result['predictions'][0]) == 1


def test_a_model_in_the_package_is_known_by_its_files(monkeypatch, image) -> None:
    drawn = PACKAGED['mini-drawn']
    monkeypatch.setitem(PACKAGED, 'other', drawn._replace(det_model=WHOLE_IMAGE))
    inferencer = VLPoseInferencer('Other', device='cpu')
    assert (inferencer.name, inferencer.det_name) == ('other', WHOLE_IMAGE)
    assert inferencer.is_tuned and next(inferencer(image))['route'] in ('tuned', 'original')


def test_the_model_of_drawn_figures_says_once_that_it_knows_no_others(
    sketches, image, monkeypatch
) -> None:
    said = []
    monkeypatch.setattr(
        'vlpose_mm.apis.inferencer.print_log', lambda text, **kwargs: said.append(text)
    )
    inferencer = VLPoseInferencer('mini-drawn', device='cpu')
    list(inferencer(demo_images() / 'photo'))
    assert said == []
    list(inferencer(sketches[0]))
    list(inferencer(image))
    assert len(said) == 1 and 'mini-drawn knows drawn figures only' in said[0]


def test_base_weights_alone_run_the_original_route(small_config, sketches) -> None:
    inferencer = VLPoseInferencer(str(small_config), device='cpu', det_model='whole_image')
    assert not inferencer.is_tuned
    (result,) = inferencer(sketches[0])
    assert result['route'] == 'original' and result['scenario'] == 'sketch'
    for text in (dict(scenario='mural'), dict(text_prompt='mural'), dict(route='tuned')):
        with pytest.raises(ValueError, match='has no tuned weights.*give some'):
            inferencer(sketches[0], **text)
    next(inferencer(sketches[0], scenario='mural', route='original'))


def test_a_checkpoint_with_its_config_is_a_model(whole, sketches) -> None:
    inferencer = VLPoseInferencer(whole, device='cpu', det_model='whole_image')
    assert next(inferencer(sketches[0]))['route'] == 'tuned'


def test_an_adapter_checkpoint_takes_the_base_of_the_call_or_the_config(
    small_config, adapter_file
) -> None:
    cfg = Config.fromfile(small_config)
    base = cfg.model.base_weights = cfg.load_from
    assert find_model(cfg, adapter_file).cfg.model.base_weights == base
    cfg.pop('load_from')
    cfg.model.pop('base_weights', None)
    with pytest.raises(ValueError, match='has no weights; give some'):
        find_model(cfg)
    with pytest.raises(ValueError, match='give the checkpoint of its base as well'):
        find_model(cfg, adapter_file)
    found = find_model(cfg, adapter_file, base)
    assert found.is_tuned and found.cfg.model.base_weights == base
    cfg.model.base_weights = '/elsewhere/vitpose.pth'
    with pytest.raises(OSError, match='no file /elsewhere/vitpose.pth, where its base'):
        find_model(cfg, adapter_file)


def test_what_does_not_go_together_is_refused(
    whole, small_config, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict={'a': torch.ones(1)}), 'bare.pth')
    Path('data.py').write_text("data_root = 'x'")
    config = str(small_config)
    for args, kind, message in (
        ((whole, whole), ValueError, 'are both weights; give a config'),
        ((config, whole, whole), ValueError, 'not an adapter checkpoint; omit the base'),
        (('vlpose-bas',), ValueError, "Unknown model 'vlpose-bas'.*closest are td-hm_VL"),
        (('configs/mine.py',), FileNotFoundError, 'There is no file configs/mine.py'),
        (('bare.pth',), ValueError, 'bare.pth holds no config; give the config'),
        (('data.py',), ValueError, 'data.py has no model'),
    ):
        with pytest.raises(kind, match=message):
            find_model(*args)


def test_a_config_of_classes_runs_as_one_of_names(whole: str, small_config: Path) -> None:
    cfg = Config.fromfile(small_config)
    cfg.dataset_type = cfg.test_dataloader.dataset.type
    classes = with_classes(cfg, ['model', 'test_dataloader'])
    classes.dataset_type = DATASETS.get(cfg.dataset_type)
    for each in (cfg, classes):
        found = find_model(each, whole)
        kinds = [
            transform['type'] for transform in found.cfg.test_dataloader.dataset.pipeline
        ]
        names = [kind if isinstance(kind, str) else kind.__name__ for kind in kinds]
        assert names.count('AssignTextPrompt') == 1
        inferencer = VLPoseInferencer(each, whole, device='cpu', det_model=WHOLE_IMAGE)
        assert inferencer.is_tuned
