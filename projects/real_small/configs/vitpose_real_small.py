# ViTPose on DINOv2-S, trained on photos: the base of real-small.
_base_ = 'mmpose::_base_/default_runtime.py'

custom_imports = dict(
    imports=['vlpose_mm', 'projects.real_small.batches', 'projects.real_small.transforms']
)

data_mode = 'topdown'
dataset_type = 'CocoDataset'

codec = dict(type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)

model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='StackedPoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='PromptedVisionTransformer',
        arch=dict(embed_dims=384, num_layers=12, num_heads=6, feedforward_channels=1536),
        img_size=(256, 192),
        drop_path_rate=0.1,
    ),
    head=dict(
        type='HeatmapHead',
        in_channels=384,
        out_channels=17,
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=codec,
    ),
    train_cfg=dict(compute_acc=False),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)

coco_pipeline = [
    dict(type='LoadImage'),
    dict(type='RandomNeighbor', prob=0.2),
    dict(type='RandomCut', prob=0.3),
    dict(type='RandomDownscale', prob=0.2),
]
# People of LSPET are whole, alone and centered; COCO's are not.
lspet_pipeline = [
    dict(type='LoadImage'),
    dict(type='RandomNeighbor', prob=0.4),
    dict(type='RandomSurroundings', prob=0.5),
    dict(type='RandomCut', prob=0.45),
    dict(type='RandomDownscale', prob=0.3),
]
train_pipeline = [
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody', prob=0.2),
    dict(
        type='RandomBBoxTransform',
        scale_factor=(0.7, 1.4),
        rotate_factor=60.0,
        rotate_prob=0.5,
    ),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='YOLOXHSVRandomAug'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PackPoseInputs'),
]

data_root = 'data/real/'
labeled = 'data/real_small/annotations/'
photos = dict(type='CocoVLDataset', data_prefix=dict(img=data_root))

train_dataloader = dict(
    batch_size=128,
    num_workers=4,
    collate_fn=dict(type='stack_targets'),
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='CombinedDataset',
        metainfo=dict(from_file='configs/_base_/datasets/coco.py'),
        datasets=[
            dict(ann_file=f'{labeled}lspet_train.json', pipeline=lspet_pipeline, **photos),
            dict(ann_file=f'{labeled}coco_train.json', pipeline=coco_pipeline, **photos),
        ],
        # A person of COCO is seen eight times in an epoch.
        sample_ratio_factor=[1, 8],
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='CocoVLDataset',
        ann_file=f'{labeled}coco_val.json',
        data_prefix=dict(img=data_root),
        test_mode=True,
        pipeline=val_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='ScenarioCocoMetric', ann_file=f'{labeled}coco_val.json')
test_evaluator = val_evaluator

load_from = 'data/real_small/dinov2.pth'

train_cfg = dict(max_epochs=34, val_interval=34)
optim_wrapper = dict(
    type='Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, betas=(0.9, 0.999), weight_decay=0.05),
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(num_layers=12, layer_decay_rate=0.75),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
auto_scale_lr = dict(base_batch_size=128)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        T_max=34,
        eta_min=5e-6,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    checkpoint=dict(interval=10, max_keep_ckpts=1),
    finite=dict(type='CheckFiniteHook'),
    logger=dict(interval=50),
)
custom_hooks = [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.001,
        gamma=300,
        update_buffers=True,
        priority=49,
    )
]
