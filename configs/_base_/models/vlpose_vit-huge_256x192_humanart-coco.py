_base_ = 'vlpose_vit-huge_256x192.py'

# MMPose's ViTPose trained on Human-Art and COCO.
base_weights = (
    'https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/human_art/'
    'td-hm_ViTPose-huge_8xb64-210e_humanart-256x192-603bb573_20230612.pth'
)
model = dict(base_weights=base_weights)
