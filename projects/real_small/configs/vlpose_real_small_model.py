# VLPose with low-rank updates (VLPose-lora) on ViTPose real-small, without a text encoder.
_base_ = ['vitpose_real_small.py', '../../../configs/_base_/datasets/pack_with_text.py']

model = dict(
    type='VLPoseEstimator',
    backbone=dict(visual_prompt=dict(num_tokens=20, deep=True), lora=dict(rank=8)),
    text_encoder=None,
    matcher=dict(type='RelationMatcher'),
    head=dict(
        type='DualExtractorInjectorHead',
        # Base and adapter are to be small: there is no auxiliary branch.
        wiring='entry',
        tuned_norms=True,
        # So few steps get further from a start near the original.
        gate_init=0.1,
    ),
)

load_from = None

# Human-Art has the other scenarios.
text_prompts = dict(
    depth_render='a depth render of a person',
    game_cartoon='a cartoon character of a video game',
    neural_painting_la_muse='a cubist painting of a person',
    neural_painting_rain_princess='an impressionist painting of a person',
    neural_painting_scream='an expressionist painting of a person',
    neural_painting_wave='a ukiyo-e painting of a person',
)
pack_with_text = [
    dict(_base_.pack_with_text[0], text_prompts=text_prompts),
    *_base_.pack_with_text[1:],
]
# Art has other palettes than photos.
train_pipeline = [
    dict(type='PhotometricDistortion') if each['type'] == 'YOLOXHSVRandomAug' else each
    for each in _base_.train_pipeline[:-1]
] + pack_with_text
val_pipeline = [*_base_.val_pipeline[:-1], *pack_with_text]

val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
