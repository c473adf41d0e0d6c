# The base of the rows on mini data.
_base_ = '../../mini_humanart/configs/vlpose_mini_humanart.py'

# The paper's, with one sentence for each scenario, but for the gates, which so few steps
# need. A row that says the same is the base, and is not run twice.
model = dict(
    backbone=dict(lora=None),
    matcher=dict(variant='joint'),
    head=dict(wiring='dual', tuned_norms=False),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
