_base_ = 'pack_with_text.py'

codec = dict(type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='ContiguousRandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(type='RandomBBoxTransform'),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='GenerateTarget', encoder=codec),
    *_base_.pack_with_text,
]
# Of our recipe; the paper's has one sentence for each scenario.
train_pipeline_with_words = [
    *train_pipeline[:-2],
    dict(type='RandomTextPrompt'),
    train_pipeline[-1],
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    *_base_.pack_with_text,
]

dataset_type = 'HumanArtDataset'
data_root = 'data/'
val_ann_file = 'HumanArt/annotations/validation_humanart.json'

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='HumanArtVLDataset',
        data_root=data_root,
        ann_file='HumanArt/annotations/training_humanart.json',
        data_prefix=dict(img=''),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='HumanArtVLDataset',
        data_root=data_root,
        ann_file=val_ann_file,
        bbox_file=f'{data_root}HumanArt/person_detection_results/'
        'HumanArt_validation_detections_AP_H_56_person.json',
        data_prefix=dict(img=''),
        test_mode=True,
        pipeline=val_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='ScenarioCocoMetric', ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
