_base_ = 'vlpose_msra_256x192.py'

# MMPose's published weights, trained on COCO.
base_weights = (
    'https://download.openmmlab.com/mmpose/top_down/pvt/'
    'pvt_small_coco_256x192-4324a49d_20220501.pth'
)
model = dict(
    base_weights=base_weights,
    backbone=dict(
        type='PromptedPyramidVisionTransformer',
        num_layers=[3, 4, 6, 3],
        visual_prompt=dict(num_tokens=20, deep=True),
    ),
)
