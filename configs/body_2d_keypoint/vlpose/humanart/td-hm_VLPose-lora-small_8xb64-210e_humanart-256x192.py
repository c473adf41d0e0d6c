_base_ = [
    '../../../_base_/datasets/humanart_256x192.py',
    '../../../_base_/models/vlpose_vit-small_256x192.py',
    '../../../_base_/schedules/adamw_210e.py',
    '../../../_base_/overlays/lora.py',
]

model = _base_.pop('overlay')
load_from = _base_.base_weights
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline_with_words))
