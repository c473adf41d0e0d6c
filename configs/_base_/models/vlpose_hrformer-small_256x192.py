_base_ = 'vlpose_msra_256x192.py'

# MMPose's published weights, trained on COCO.
base_weights = (
    'https://download.openmmlab.com/mmpose/top_down/hrformer/'
    'hrformer_small_coco_256x192-5310d898_20220316.pth'
)
model = dict(
    base_weights=base_weights,
    backbone=dict(
        type='PromptedHRFormer',
        extra=dict(
            drop_path_rate=0.1,
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block='BOTTLENECK',
                num_blocks=(2,),
                num_channels=(64,),
            ),
            stage2=dict(
                num_modules=1,
                num_branches=2,
                block='HRFORMERBLOCK',
                num_blocks=(2, 2),
                num_channels=(32, 64),
                num_heads=[1, 2],
                mlp_ratios=[4, 4],
                window_sizes=[7, 7],
            ),
            stage3=dict(
                num_modules=4,
                num_branches=3,
                block='HRFORMERBLOCK',
                num_blocks=(2, 2, 2),
                num_channels=(32, 64, 128),
                num_heads=[1, 2, 4],
                mlp_ratios=[4, 4, 4],
                window_sizes=[7, 7, 7],
            ),
            stage4=dict(
                num_modules=2,
                num_branches=4,
                block='HRFORMERBLOCK',
                num_blocks=(2, 2, 2, 2),
                num_channels=(32, 64, 128, 256),
                num_heads=[1, 2, 4, 8],
                mlp_ratios=[4, 4, 4, 4],
                window_sizes=[7, 7, 7, 7],
            ),
        ),
        visual_prompt=dict(num_tokens=20, deep=True),
    ),
    head=dict(
        # The feature map is as large as the heatmaps.
        deconv_out_channels=None,
    ),
)
