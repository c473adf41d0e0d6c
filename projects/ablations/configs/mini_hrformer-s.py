_base_ = 'mini.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='PromptedHRFormer',
        extra=dict(
            drop_path_rate=0.1,
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block='BOTTLENECK',
                num_blocks=(1,),
                num_channels=(16,),
            ),
            stage2=dict(
                num_modules=1,
                num_branches=2,
                block='HRFORMERBLOCK',
                num_blocks=(1, 1),
                num_channels=(16, 32),
                num_heads=[1, 2],
                mlp_ratios=[4, 4],
                window_sizes=[7, 7],
            ),
            stage3=dict(
                num_modules=1,
                num_branches=3,
                block='HRFORMERBLOCK',
                num_blocks=(1, 1, 1),
                num_channels=(16, 32, 64),
                num_heads=[1, 2, 4],
                mlp_ratios=[4, 4, 4],
                window_sizes=[7, 7, 7],
            ),
            stage4=dict(
                num_modules=1,
                num_branches=4,
                block='HRFORMERBLOCK',
                num_blocks=(1, 1, 1, 1),
                num_channels=(16, 32, 64, 128),
                num_heads=[1, 2, 4, 8],
                mlp_ratios=[4, 4, 4, 4],
                window_sizes=[7, 7, 7, 7],
            ),
        ),
        prompt=dict(num_tokens=20, deep=True),
    ),
    # Its feature map has 768 patches; with eight heads a step takes four times as long.
    matcher=dict(num_heads=2),
    head=dict(in_channels=16, deconv_out_channels=None),
)
load_from = 'work_dirs/ablations/bases/hrformer-s.pth'
