_base_ = 'vlpose_pvt-s_256x192.py'

base_weights = (
    'https://download.openmmlab.com/mmpose/top_down/pvt/'
    'pvtv2_b2_coco_256x192-b4212737_20220501.pth'
)
model = dict(
    base_weights=base_weights, backbone=dict(type='PromptedPyramidVisionTransformerV2')
)
