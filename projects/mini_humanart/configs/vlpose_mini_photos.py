# A tuned VLPose on the mini photos, which take the original route.
_base_ = 'vlpose_mini_humanart.py'

model = dict(test_cfg=dict(route='original'))

data_root = _base_.data_root + 'coco/'
val_dataloader = dict(
    dataset=dict(
        type='CocoVLDataset',
        _delete_=True,
        data_root=data_root,
        ann_file='annotations/person_keypoints_val2017.json',
        bbox_file=data_root
        + 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=_base_.val_pipeline,
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
