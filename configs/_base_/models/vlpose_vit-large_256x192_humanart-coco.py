_base_ = 'vlpose_vit-large_256x192.py'

# MMPose's ViTPose trained on Human-Art and COCO.
base_weights = (
    'https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/human_art/'
    'td-hm_ViTPose-large_8xb64-210e_humanart-256x192-9aba9345_20230614.pth'
)
model = dict(base_weights=base_weights)
