_base_ = 'vlpose_msra_256x192.py'

# MMPose's published weights, trained on COCO.
base_weights = (
    'https://download.openmmlab.com/mmpose/top_down/swin/'
    'swin_t_p4_w7_coco_256x192-eaefe010_20220503.pth'
)
model = dict(
    base_weights=base_weights,
    backbone=dict(
        type='PromptedSwinTransformer',
        embed_dims=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7,
        drop_path_rate=0.2,
        visual_prompt=dict(num_tokens=20, deep=True),
    ),
)
