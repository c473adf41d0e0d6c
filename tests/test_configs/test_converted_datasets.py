"""Configs of data sets that the converters write, on samples of their layouts."""

import importlib
from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import DATASETS, METRICS

from tests.conftest import ROOT
from tests.test_tools.test_dataset_converters.layouts import LAYOUTS

CONVERTERS = dict(custom='cvat', lspet='lsp')
TEXT_PROMPTS = dict(
    animated_drawings="a kid's drawing of a person",
    coco_ood='an oil painting of a person',
    custom='a mural of a person',
    popart='an Early Renaissance painting of a person',
)


@pytest.mark.parametrize('name', LAYOUTS)
def test_what_a_converter_writes_is_read_as_its_config_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path('data', name)
    folder.mkdir(parents=True)
    LAYOUTS[name](folder)
    module = f'vlpose_mm.tools.dataset_converters.{CONVERTERS.get(name, name)}'
    args = [str(folder), str(folder / 'keypoints'), '--val-every', '2']
    args += ['--category', 'mural'] if name == 'custom' else []
    importlib.import_module(module).main(args)

    cfg = Config.fromfile(ROOT / f'configs/_base_/datasets/{name}_256x192.py')
    loaders = [cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader]
    # What only tests; its photos for training are COCO's.
    for loader in loaders[name == 'coco_ood' :]:
        dataset = DATASETS.build(loader.dataset)
        sample = dataset[0]
        assert sample['inputs'].shape == (3, 256, 192)
        assert sample['data_samples'].gt_instances.keypoints_visible.sum() >= 11
    texts = {sample['data_samples'].text_prompt, _text_prompt(cfg.val_dataloader)}
    assert TEXT_PROMPTS.get(name, 'a photo of a person') in texts
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        METRICS.build(dict(evaluator)).dataset_meta = dataset.metainfo


def _text_prompt(loader: dict) -> str:
    return DATASETS.build(loader['dataset'])[0]['data_samples'].text_prompt
