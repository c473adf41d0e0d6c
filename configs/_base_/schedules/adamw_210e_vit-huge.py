_base_ = 'adamw_210e_vit-base.py'

optim_wrapper = dict(
    optimizer=dict(lr=1.25e-4),
    paramwise_cfg=dict(num_layers=32, layer_decay_rate=0.85),
)

auto_scale_lr = dict(base_batch_size=128)
