# Trained on random styles, which are described in other words in every step.
_base_ = 'lora.py'

custom_imports = dict(imports=['vlpose_mm', 'projects.mini_humanart.study.transforms'])
describe = dict(
    type='DescribeStyle',
    ann_file='data/styles/HumanArt/annotations/training_humanart.json',
)
*steps, assign, pack = _base_.train_pipeline
train_dataloader = dict(dataset=dict(pipeline=[*steps, describe, assign, pack]))
