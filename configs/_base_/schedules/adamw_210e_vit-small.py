_base_ = 'adamw_210e_vit-base.py'

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
