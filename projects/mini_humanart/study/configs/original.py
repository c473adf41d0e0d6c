# What all others start from. Nothing is trained.
_base_ = 'paper.py'

model = {**__import__('vlpose_mm').models.stock_config(_base_.model), '_delete_': True}
train_cfg = dict(max_epochs=0)
