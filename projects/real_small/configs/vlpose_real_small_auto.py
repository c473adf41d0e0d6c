# To fit the scenario classifier of a tuned vlpose_real_small_joint.py, on instances and on
# whole images, and to measure it on whole images.
_base_ = [
    'vlpose_real_small_joint.py',
    '../../../configs/_base_/overlays/scenario_classifier.py',
]

model = _base_.pop('overlay')
# Art of other styles than these is to be found, too.
model.scenario_classifier.update(shrinkage=0.01, natural_rate=0.98)

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        **_base_.tuning_data,
        ann_file='real_small/annotations/classifier_train.json',
        pipeline=_base_.train_pipeline,
    )
)
val_dataloader = dict(dataset=dict(ann_file='real_small/annotations/whole_test.json'))
