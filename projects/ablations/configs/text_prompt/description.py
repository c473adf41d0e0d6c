_base_ = '{{$BASE:../vit-base.py}}'

assign = dict(type='AssignTextPrompt', use_description=True)
train_pipeline = [*_base_.train_pipeline[:-2], assign, _base_.train_pipeline[-1]]
val_pipeline = [*_base_.val_pipeline[:-2], assign, _base_.val_pipeline[-1]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
