_base_ = 'original.py'

model = dict(backbone=dict(visual_prompt=None))
optim_wrapper = dict(optimizer=dict(lr=1e-4))
