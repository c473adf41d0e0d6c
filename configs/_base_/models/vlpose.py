# What every VLPose shares; the backbones and their heads build on it.
model = dict(
    type='VLPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    text_encoder=dict(
        type='TransformersTextEncoder', pretrained='Salesforce/blip-itm-base-coco'
    ),
    matcher=dict(type='RelationMatcher'),
    head=dict(type='DualExtractorInjectorHead', out_channels=17),
    test_cfg=dict(flip_test=True, flip_mode='heatmap'),
)
