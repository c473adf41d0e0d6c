_base_ = 'custom_256x192.py'

data_root = 'data/popart/'
test_ann_file = 'keypoints/test.json'

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root, ann_file=test_ann_file))

val_evaluator = dict(ann_file=data_root + _base_.val_ann_file)
test_evaluator = dict(ann_file=data_root + test_ann_file)
