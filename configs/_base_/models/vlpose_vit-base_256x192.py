_base_ = 'vlpose.py'

# MMPose's published weights, trained on COCO.
base_weights = (
    'https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_ViTPose-base_8xb64-210e_coco-256x192-216eae50_20230314.pth'
)
model = dict(
    base_weights=base_weights,
    backbone=dict(
        type='PromptedVisionTransformer',
        arch='base',
        img_size=(256, 192),
        patch_cfg=dict(padding=2),
        drop_path_rate=0.3,
        visual_prompt=dict(num_tokens=20, deep=True),
    ),
    head=dict(
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        decoder=dict(
            type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2
        ),
    ),
    test_cfg=dict(shift_heatmap=False),
)
