# VLPose-base on Human-Art's own 21 keypoints, with a new predictor on the base of 17.
_base_ = 'td-hm_VLPose-base_8xb64-210e_humanart-256x192.py'

model = dict(head=dict(out_channels=21, base_out_channels=17))

train_dataloader = dict(dataset=dict(type='HumanArt21VLDataset'))
val_dataloader = dict(dataset=dict(type='HumanArt21VLDataset'))
test_dataloader = val_dataloader

val_evaluator = dict(keypoints_key='keypoints_21')
test_evaluator = val_evaluator
