_base_ = 'vlpose_swin-t_256x192.py'

base_weights = (
    'https://download.openmmlab.com/mmpose/top_down/swin/'
    'swin_b_p4_w7_coco_256x192-7432be9e_20220705.pth'
)
model = dict(
    base_weights=base_weights,
    backbone=dict(
        embed_dims=128, depths=[2, 2, 18, 2], num_heads=[4, 8, 16, 32], drop_path_rate=0.3
    ),
)
