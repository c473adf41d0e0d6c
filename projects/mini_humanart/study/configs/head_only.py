_base_ = 'original.py'

model = dict(backbone=dict(visual_prompt=None, trained_layers=0))
optim_wrapper = dict(optimizer=dict(lr=3e-3))
train_cfg = dict(max_epochs=12)
