_base_ = 'coco_256x192.py'

# For testing; trained on the photos.
data_root = 'data/coco_ood/'
val_ann_file = 'keypoints/test.json'

val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file=val_ann_file,
        bbox_file=None,
        data_prefix=dict(img=''),
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
