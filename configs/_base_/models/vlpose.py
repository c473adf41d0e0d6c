# The paper's VLPose without its backbone.
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
    matcher=dict(type='RelationMatcher', variant='joint'),
    head=dict(type='DualExtractorInjectorHead', wiring='dual', out_channels=17),
    test_cfg=dict(flip_test=True, flip_mode='heatmap'),
)
