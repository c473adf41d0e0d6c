_base_ = 'vlpose_vit-base_256x192.py'

# MMPose's ViTPose trained on Human-Art and COCO.
base_weights = (
    'https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/human_art/'
    'td-hm_ViTPose-base_8xb64-210e_humanart-256x192-b417f546_20230611.pth'
)
model = dict(base_weights=base_weights)
