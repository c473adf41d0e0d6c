_base_ = 'vlpose_swin-t_256x192.py'

base_weights = (
    'https://download.openmmlab.com/mmpose/top_down/swin/'
    'swin_l_p4_w7_coco_256x192-642a89db_20220705.pth'
)
model = dict(
    base_weights=base_weights,
    backbone=dict(
        embed_dims=192, depths=[2, 2, 18, 2], num_heads=[6, 12, 24, 48], drop_path_rate=0.5
    ),
)
