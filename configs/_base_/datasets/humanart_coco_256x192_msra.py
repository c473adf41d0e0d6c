_base_ = 'humanart_coco_256x192.py'

codec = dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)

# Without UDP, which is what the published Swin, PVT and HRFormer were trained with.
train_pipeline = [
    *_base_.train_pipeline[:-4],
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    *_base_.pack_with_text,
]
val_pipeline = [
    *_base_.val_pipeline[:-3],
    dict(type='TopdownAffine', input_size=codec['input_size']),
    *_base_.pack_with_text,
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
