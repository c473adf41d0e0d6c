_base_ = 'mini.py'

base_weights = 'work_dirs/ablations/bases/swin-t.pth'
model = dict(
    base_weights=base_weights,
    backbone=dict(
        _delete_=True,
        type='PromptedSwinTransformer',
        embed_dims=16,
        depths=[1, 1, 2, 1],
        num_heads=[1, 2, 4, 8],
        window_size=4,
        visual_prompt=dict(num_tokens=20, deep=True),
    ),
    head=dict(deconv_out_channels=(64, 64, 64), deconv_kernel_sizes=(4, 4, 4)),
)
load_from = base_weights
