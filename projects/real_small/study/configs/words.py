# Trained with the words that people use, in place of a fixed sentence per style.
_base_ = 'lora.py'

words = dict(
    _base_.pack_with_text[0],
    type='RandomTextPrompt',
    wordings='projects/real_small/study/wordings.yaml',
)
train_pipeline = [
    words if step['type'] == 'AssignTextPrompt' else step for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
