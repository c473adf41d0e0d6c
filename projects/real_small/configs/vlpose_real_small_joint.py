# VLPose-lora tuned on artificial images and photos, long enough to be shipped.
_base_ = 'vlpose_real_small_art.py'

art = _base_.train_dataloader.dataset
train_dataloader = dict(
    dataset=dict(
        datasets=[
            *art.datasets,
            dict(
                ann_file=f'{_base_.labeled}lspet_train.json',
                pipeline=_base_.lspet_pipeline,
                **_base_.photos,
            ),
            dict(
                ann_file=f'{_base_.labeled}coco_train.json',
                pipeline=_base_.coco_pipeline,
                **_base_.photos,
            ),
        ],
        sample_ratio_factor=[*art.sample_ratio_factor, 0.02, 1],
    )
)

train_cfg = dict(max_iters=1600)
param_scheduler = _base_.param_scheduler
param_scheduler[1].update(T_max=1600)
default_hooks = dict(checkpoint=dict(type='AdapterCheckpointHook'))
