_base_ = 'vlpose_hrformer-small_256x192.py'

base_weights = (
    'https://download.openmmlab.com/mmpose/top_down/hrformer/'
    'hrformer_base_coco_256x192-6f5f1169_20220316.pth'
)
model = dict(
    base_weights=base_weights,
    backbone=dict(
        extra=dict(
            drop_path_rate=0.2,
            stage2=dict(num_channels=(78, 156), num_heads=[2, 4]),
            stage3=dict(num_channels=(78, 156, 312), num_heads=[2, 4, 8]),
            stage4=dict(num_channels=(78, 156, 312, 624), num_heads=[2, 4, 8, 16]),
        )
    ),
    # Divides 78.
    matcher=dict(num_heads=6),
)
