# Person detector on the frozen base of real-small: only FCOS's neck and head are trained.
_base_ = 'mmdet::_base_/default_runtime.py'

custom_imports = dict(imports=['vlpose_mm'])

# Of the long side of an image.
side = 384

norm_cfg = dict(type='GN', num_groups=16)
model = dict(
    type='FCOS',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=16,
    ),
    backbone=dict(
        type='mmpose.PromptedVisionTransformer',
        arch=dict(embed_dims=384, num_layers=12, num_heads=6, feedforward_channels=1536),
        img_size=(256, 192),
        # The last layers know one person in the center alone.
        out_indices=(7,),
        frozen_stages=12,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='projects/real_small/vitpose_real_small.pth',
            prefix='backbone.',
        ),
    ),
    neck=dict(
        type='ChannelMapper',
        in_channels=[384],
        kernel_size=1,
        out_channels=64,
        norm_cfg=norm_cfg,
    ),
    bbox_head=dict(
        type='FCOSHead',
        num_classes=1,
        in_channels=64,
        feat_channels=64,
        stacked_convs=2,
        strides=[16],
        regress_ranges=((-1, 1e8),),
        norm_on_bbox=True,
        centerness_on_reg=True,
        center_sampling=True,
        conv_bias=True,
        norm_cfg=norm_cfg,
        # With mmdet's alpha of 0.25 few scores are above 0.3, from which bboxes are taken.
        loss_cls=dict(type='FocalLoss', use_sigmoid=True, alpha=0.4),
        loss_bbox=dict(type='GIoULoss'),
    ),
    test_cfg=dict(
        nms_pre=1000,
        min_bbox_size=0,
        score_thr=0.05,
        nms=dict(type='nms', iou_threshold=0.6),
        max_per_img=100,
    ),
)

gray = (114, 114, 114)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='CachedMosaic',
        img_scale=(side, side),
        pad_val=gray[0],
        prob=0.5,
        max_cached_images=40,
    ),
    dict(type='RandomResize', scale=(side, side), ratio_range=(0.6, 1.6), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(side, side)),
    dict(type='YOLOXHSVRandomAug'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=(side, side), pad_val=dict(img=gray)),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(side, side), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]

annotations = 'real_small/annotations/'
dataset = dict(
    type='CocoDataset',
    data_root='data/',
    data_prefix=dict(img=''),
    metainfo=dict(classes=('person',)),
)
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        **dataset, ann_file=f'{annotations}people_train.json', pipeline=train_pipeline
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **dataset,
        ann_file=f'{annotations}people_test.json',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric', ann_file=f'data/{annotations}people_test.json', metric='bbox'
)
test_evaluator = val_evaluator

iters = 2000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iters, val_interval=iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='mmpose.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=4e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=5.0, norm_type=2),
)
auto_scale_lr = dict(enable=False, base_batch_size=16)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=iters, eta_min=4e-5, by_epoch=False),
]
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=500, max_keep_ckpts=1),
    logger=dict(interval=50),
)
