_base_ = 'mini.py'

base_weights = 'work_dirs/ablations/bases/hrformer-s.pth'
model = dict(
    base_weights=base_weights,
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
            **{
                f'stage{branches}': dict(
                    num_modules=1,
                    num_branches=branches,
                    block='HRFORMERBLOCK',
                    num_blocks=(1,) * branches,
                    num_channels=(16, 32, 64, 128)[:branches],
                    num_heads=[1, 2, 4, 8][:branches],
                    mlp_ratios=[4] * branches,
                    window_sizes=[7] * branches,
                )
                for branches in (2, 3, 4)
            },
        ),
        visual_prompt=dict(num_tokens=20, deep=True),
    ),
    # Its feature map has 768 patches; with eight heads a step takes four times as long.
    matcher=dict(num_heads=2),
    head=dict(in_channels=16, deconv_out_channels=None),
)
load_from = base_weights
