model = dict(
    type='VLPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='PromptedVisionTransformer',
        arch='base',
        img_size=(256, 192),
        patch_cfg=dict(padding=2),
        prompt=dict(num_tokens=20, deep=True),
    ),
    text_encoder=dict(
        type='TransformersTextEncoder', pretrained='Salesforce/blip-itm-base-coco'
    ),
    matcher=dict(type='RelationMatcher'),
    head=dict(
        type='DualExtractorInjectorHead',
        out_channels=17,
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        decoder=dict(
            type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2
        ),
    ),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)
