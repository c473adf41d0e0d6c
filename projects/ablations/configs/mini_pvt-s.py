_base_ = 'mini.py'

base_weights = 'work_dirs/ablations/bases/pvt-s.pth'
model = dict(
    base_weights=base_weights,
    backbone=dict(
        _delete_=True,
        type='PromptedPyramidVisionTransformer',
        embed_dims=16,
        num_layers=[1, 1, 2, 1],
        num_heads=[1, 2, 4, 8],
        visual_prompt=dict(num_tokens=20, deep=True),
    ),
    head=dict(deconv_out_channels=(64, 64, 64), deconv_kernel_sizes=(4, 4, 4)),
)
load_from = base_weights
