# VLPose on the shipped ViTPose of the mini photos, without a text encoder.
_base_ = ['vitpose_mini_photos.py', '../../../configs/_base_/datasets/pack_with_text.py']

model = dict(
    type='VLPoseEstimator',
    backbone=dict(visual_prompt=dict(num_tokens=20, deep=True), lora=dict(rank=32)),
    text_encoder=None,
    matcher=dict(type='RelationMatcher'),
    head=dict(
        type='DualExtractorInjectorHead',
        wiring='released',
        tuned_norms=True,
        # So few steps get further from a start near the original.
        gate_init=0.1,
    ),
)

train_pipeline = [*_base_.train_pipeline[:-1], *_base_.pack_with_text]
val_pipeline = [*_base_.val_pipeline[:-1], *_base_.pack_with_text]

val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
