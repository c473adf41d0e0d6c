_base_ = 'one_sentence.py'

model = dict(text_encoder=dict(_delete_=True, type='RandomTextEncoder', embed_dims=768))
