_base_ = 'original.py'

model = dict(backbone=dict(visual_prompt=None))
optim_wrapper = dict(optimizer=dict(lr=5e-4))
train_cfg = dict(max_epochs=12)
