# VLPose-lora tuned on mini Human-Art and photos, with a scenario classifier.
_base_ = [
    'vlpose_mini_humanart.py',
    '../../../configs/_base_/overlays/scenario_classifier.py',
]

model = _base_.pop('overlay')
custom_hooks = [*_base_.custom_hooks, dict(type='ScenarioClassifierHook')]

data_root = _base_.data_root
val_ann_file = 'HumanArt/annotations/validation_humanart_coco.json'

train_dataloader = dict(
    dataset=dict(ann_file='HumanArt/annotations/training_humanart_coco.json')
)
# There are no detected bboxes for both sets together.
val_dataloader = dict(dataset=dict(ann_file=val_ann_file, bbox_file=None))
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
