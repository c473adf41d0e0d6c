_base_ = 'humanart_256x192_msra.py'

train_dataloader = dict(
    dataset=dict(ann_file='HumanArt/annotations/training_humanart_coco.json')
)
