_base_ = [
    '../../../_base_/datasets/humanart_256x192.py',
    '../../../_base_/models/vlpose_vit-base_256x192.py',
    '../../../_base_/schedules/adamw_210e.py',
]

# The published ViTPose-B on COCO: what stays frozen, and the original route.
load_from = (
    'https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_ViTPose-base_8xb64-210e_coco-256x192-216eae50_20230314.pth'
)
