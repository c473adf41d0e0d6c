# The first epochs, on smaller crops: less than half the time.
_base_ = 'vitpose_real_small.py'

codec = dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)

model = dict(backbone=dict(img_size=(128, 96)), head=dict(decoder=codec))

train_pipeline = _base_.train_pipeline
val_pipeline = _base_.val_pipeline
for pipeline in (train_pipeline, val_pipeline):
    for transform in pipeline:
        if transform.type == 'TopdownAffine':
            transform.update(input_size=codec['input_size'])
        elif transform.type == 'GenerateTarget':
            transform.encoder.update(codec)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

load_from = 'data/real_small/dinov2.pth'

train_cfg = dict(max_epochs=5)
param_scheduler = _base_.param_scheduler
# The learning rate is still high at the end.
param_scheduler[1].update(T_max=7, eta_min=1e-4)
