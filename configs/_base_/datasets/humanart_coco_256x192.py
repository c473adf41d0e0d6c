_base_ = 'humanart_256x192.py'

# Images of Human-Art and COCO; the latter have the text prompt 'a photo of a person'.
train_dataloader = dict(
    dataset=dict(ann_file='HumanArt/annotations/training_humanart_coco.json')
)
