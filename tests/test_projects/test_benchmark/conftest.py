"""Fixtures of the benchmark."""

import pytest

META_KEYS = 'img_path input_size input_center input_scale flip_indices text_prompt'


@pytest.fixture
def bench_cfg(vlpose_cfg: dict) -> dict:
    """All that a benchmark reads of a config, with the small VLPose."""
    vlpose_cfg['data_preprocessor'] = dict(
        type='PoseDataPreprocessor', mean=[127.0] * 3, std=[64.0] * 3
    )
    pipeline = [
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale'),
        dict(type='TopdownAffine', input_size=(96, 128), use_udp=True),
        dict(type='GenerateTarget', encoder=vlpose_cfg['head']['decoder']),
        dict(type='AssignTextPrompt'),
        dict(type='PackPoseInputs', meta_keys=(*META_KEYS.split(), 'text_source')),
    ]
    dataset = dict(
        type='HumanArtVLDataset',
        data_root='nowhere',
        ann_file='instances.json',
        pipeline=pipeline,
    )
    optimizer = dict(type='AdamW', lr=1e-3)
    return dict(
        model=vlpose_cfg,
        optim_wrapper=dict(optimizer=optimizer, clip_grad=dict(max_norm=1.0)),
        train_dataloader=dict(dataset=dataset),
        val_dataloader=dict(dataset=dict(dataset, test_mode=True, bbox_file='bboxes.json')),
    )
