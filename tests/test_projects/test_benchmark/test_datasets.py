"""Images of the config, or synthetic ones."""

from pathlib import Path

from mmengine.config import Config

from projects.benchmark.datasets import NUM_IMAGES, open_datasets
from projects.benchmark.synthetic import write_dataset


def test_images_are_synthetic_where_there_are_none(bench_cfg: dict) -> None:
    # A dataset of several needs the files of all.
    dataset = bench_cfg['train_dataloader']['dataset']
    bench_cfg['train_dataloader']['dataset'] = dict(
        type='CombinedDataset',
        metainfo=dict(from_file='configs/_base_/datasets/coco.py'),
        datasets=[dict(dataset, pipeline=[])],
        pipeline=dataset['pipeline'],
    )
    with open_datasets(bench_cfg) as datasets:
        assert 'synthetic images of 640 x 480' in datasets.source
        assert 'there is no nowhere/instances.json' in datasets.source
        for dataset in (datasets.train, datasets.val):
            assert len(dataset) >= NUM_IMAGES
            sample = dataset[0]
            assert sample['inputs'].shape == (3, 128, 96)
            assert sample['data_samples'].metainfo['text_source'] == 'scenario'
        path = Path(sample['data_samples'].metainfo['img_path'])
        assert path.is_file()
    assert not path.exists()


def test_the_configs_own_images_are_used(small_config: Path) -> None:
    cfg = Config.fromfile(small_config)
    with open_datasets(cfg) as datasets:
        assert datasets.source == "the config's own images"
        path = Path(datasets.train[0]['data_samples'].metainfo['img_path'])
        assert path.is_relative_to(cfg.data_root)
        # Ground-truth bboxes, though the config tests with detected ones.
        infos = map(datasets.val.get_data_info, range(len(datasets.val)))
        assert {info['bbox_score'].item() for info in infos} == {1.0}


def test_images_are_synthetic_where_only_annotations_are(
    bench_cfg: dict, tmp_path: Path
) -> None:
    ann_file, _ = write_dataset(tmp_path, 1)
    for split in ('train', 'val'):
        dataset = bench_cfg[f'{split}_dataloader']['dataset']
        dataset.update(data_root=str(tmp_path), ann_file=ann_file.name)
        dataset['data_prefix'] = dict(img='elsewhere/')
    with open_datasets(bench_cfg) as datasets:
        assert f'there is no {tmp_path}/elsewhere/HumanArt/images' in datasets.source
