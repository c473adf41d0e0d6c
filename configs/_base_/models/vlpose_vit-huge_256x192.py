_base_ = 'vlpose_vit-base_256x192.py'

base_weights = (
    'https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_ViTPose-huge_8xb64-210e_coco-256x192-e32adcd4_20230314.pth'
)
model = dict(
    base_weights=base_weights,
    backbone=dict(arch='huge', drop_path_rate=0.55, visual_prompt=dict(num_tokens=5)),
)
