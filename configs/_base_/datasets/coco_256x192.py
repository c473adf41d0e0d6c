_base_ = 'humanart_256x192.py'

dataset_type = 'CocoDataset'
data_root = 'data/coco/'
val_ann_file = 'annotations/person_keypoints_val2017.json'

train_dataloader = dict(
    dataset=dict(
        type='CocoVLDataset',
        data_root=data_root,
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
    )
)
val_dataloader = dict(
    dataset=dict(
        type='CocoVLDataset',
        data_root=data_root,
        ann_file=val_ann_file,
        bbox_file=f'{data_root}person_detection_results/'
        'COCO_val2017_detections_AP_H_56_person.json',
        data_prefix=dict(img='val2017/'),
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
