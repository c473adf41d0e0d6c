_base_ = 'mini.py'

base_weights = 'work_dirs/ablations/bases/vit-s.pth'
model = dict(
    base_weights=base_weights,
    backbone=dict(
        arch=dict(embed_dims=64, num_layers=4, num_heads=4, feedforward_channels=256)
    ),
    head=dict(in_channels=64),
)
load_from = base_weights
