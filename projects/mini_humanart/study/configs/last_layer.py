_base_ = 'original.py'

model = dict(backbone=dict(visual_prompt=None, trained_layers=1))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_epochs=12)
