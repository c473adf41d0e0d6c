# A small ViTPose from scratch on the mini photos: the demo's original model.
_base_ = 'mmpose::_base_/default_runtime.py'

custom_imports = dict(imports=['vlpose_mm'])

data_mode = 'topdown'
dataset_type = 'CocoDataset'

codec = dict(type='UDPHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)

model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='PromptedVisionTransformer',
        arch=dict(embed_dims=128, num_layers=4, num_heads=4, feedforward_channels=512),
        img_size=(128, 96),
        patch_cfg=dict(padding=2),
    ),
    head=dict(
        type='HeatmapHead',
        in_channels=128,
        out_channels=17,
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        decoder=codec,
    ),
    train_cfg=dict(compute_acc=False),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform',
        scale_factor=(0.8, 1.25),
        rotate_factor=30.0,
        rotate_prob=0.4,
    ),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PackPoseInputs'),
]

data_root = 'data/mini/'

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='CocoVLDataset',
        data_root=data_root + 'coco/',
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='CocoVLDataset',
        data_root=data_root + 'coco/',
        ann_file='annotations/person_keypoints_val2017.json',
        bbox_file=data_root
        + 'coco/person_detection_results/COCO_val2017_detections_AP_H_56_person.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=val_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type='ScenarioCocoMetric',
    ann_file=data_root + 'coco/annotations/person_keypoints_val2017.json',
)
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=40, val_interval=5)
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
auto_scale_lr = dict(base_batch_size=32)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=300, start_factor=0.001, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        T_max=40,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    checkpoint=dict(interval=5, save_best='coco/AP', rule='greater', max_keep_ckpts=1),
    finite=dict(type='CheckFiniteHook'),
)
