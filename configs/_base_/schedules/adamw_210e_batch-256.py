_base_ = 'adamw_210e.py'

optim_wrapper = dict(optimizer=dict(lr=2.5e-4))

auto_scale_lr = dict(base_batch_size=256)
