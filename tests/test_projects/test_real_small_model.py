"""What of real-small is shipped: its size, its config and its files."""

from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS as DETECTION_MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import MODELS

from projects.real_small.publish import publish
from vlpose_mm.checkpoint.io import read_file

CONFIGS = Path(__file__).parents[2] / 'projects/real_small/configs'


def test_base_and_adapter_take_at_most_50_mib_in_half_precision() -> None:
    cfg = Config.fromfile(str(CONFIGS / 'vlpose_real_small.py'))
    # As narrow as MiniLM.
    cfg.model.text_encoder = dict(type='RandomTextEncoder', embed_dims=384)
    init_default_scope('mmpose')
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    count = sum(p.numel() for name, p in model.named_parameters())
    # Besides: text features, the classifier, and the detector.
    assert 2 * count < 49.25 * 2**20


def test_the_detector_trains_half_a_mib_in_half_precision() -> None:
    cfg = Config.fromfile(str(CONFIGS / 'fcos_real_small.py'))
    cfg.model.backbone.init_cfg = None
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = DETECTION_MODELS.build(cfg.model)
        images = torch.randint(256, (2, 3, 64, 48), dtype=torch.uint8).unbind()
        samples = [DetDataSample(metainfo=dict(img_shape=(64, 48))) for _ in images]
        for sample in samples:
            bboxes = torch.tensor([[4.0, 4.0, 40.0, 60.0]])
            labels = torch.zeros(1, dtype=torch.int64)
            sample.gt_instances = InstanceData(bboxes=bboxes, labels=labels)
        batch = dict(inputs=list(images), data_samples=samples)
        losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
    model.parse_losses(losses)[0].backward()
    trained = {k: p for k, p in model.named_parameters() if p.grad is not None}
    assert {name.partition('.')[0] for name in trained} == {'neck', 'bbox_head'}
    assert 2 * sum(p.numel() for p in trained.values()) < 0.45 * 2**20


@pytest.mark.parametrize('name', ['vlpose', 'fcos'])
def test_the_shipped_configs_read_nothing_that_a_package_lacks(name: str) -> None:
    cfg = Config.fromfile(str(CONFIGS / f'{name}_real_small.py'))
    assert cfg.custom_imports.imports == ['vlpose_mm']
    assert not cfg.get('load_from')
    assert cfg.model.get('text_encoder') is None


@pytest.mark.fast
def test_publishes_half_the_bytes_but_the_classifier_and_drops_the_training_state(
    tmp_path: Path,
) -> None:
    weights = {
        'head.weight': torch.randn(3),
        'head.count': torch.tensor(3),
        'scenario_classifier.weight': torch.randn(3),
    }
    meta = dict(dataset_meta=dict(dataset_name='coco'), cfg='/home/me')
    content = dict(state_dict=weights, meta=meta, optimizer=dict(state={}))
    torch.save(content, tmp_path / 'whole.pth')
    publish(tmp_path / 'whole.pth', tmp_path / 'out.pth')
    published = read_file(str(tmp_path / 'out.pth'))
    assert {*published} == {'state_dict', 'meta'}
    assert published['meta'] == dict(dataset_meta=meta['dataset_meta'])
    dtypes = {name: tensor.dtype for name, tensor in published['state_dict'].items()}
    assert dtypes == {
        'head.weight': torch.float16,
        'head.count': torch.int64,
        'scenario_classifier.weight': torch.float32,
    }


def test_omits_the_weights_that_another_file_has(tmp_path: Path) -> None:
    weights = {'backbone.a': torch.ones(1), 'neck.a': torch.ones(1)}
    torch.save(dict(state_dict=weights), tmp_path / 'in.pth')
    publish(tmp_path / 'in.pth', tmp_path / 'out.pth', omit='backbone.')
    assert {*read_file(str(tmp_path / 'out.pth'))['state_dict']} == {'neck.a'}


def test_publishes_the_text_prompts_of_all_scenarios_with_an_adapter(
    tmp_path: Path,
) -> None:
    torch.save(dict(state_dict={'matcher.q.weight': torch.ones(1)}), tmp_path / 'in.pth')
    config = tmp_path / 'config.py'
    config.write_text(
        "text_prompts = dict(game_cartoon='a cartoon character')\n"
        "model = dict(text_encoder=dict(type='RandomTextEncoder', embed_dims=4))\n"
    )
    publish(tmp_path / 'in.pth', tmp_path / 'out.pth', config)
    prompts = read_file(str(tmp_path / 'out.pth'))['text_features']['text_prompts']
    assert {'a photo of a person', 'a cartoon character', 'a sketch of a person'} <= {
        *prompts
    }
