_base_ = 'humanart_256x192.py'

# What a converter of vlpose_mm/tools/dataset_converters writes.
dataset_type = 'CocoDataset'
data_root = 'data/custom/'
train_ann_file = 'keypoints/train.json'
val_ann_file = 'keypoints/val.json'

train_dataloader = dict(
    dataset=dict(type='CocoVLDataset', data_root=data_root, ann_file=train_ann_file)
)
val_dataloader = dict(
    dataset=dict(
        type='CocoVLDataset', data_root=data_root, ann_file=val_ann_file, bbox_file=None
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
