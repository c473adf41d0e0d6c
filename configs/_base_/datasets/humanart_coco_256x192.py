_base_ = 'humanart_256x192.py'

# Human-Art and COCO's training images; an image without scenario is told it is a photo.
train_dataloader = dict(
    dataset=dict(ann_file='HumanArt/annotations/training_humanart_coco.json')
)
