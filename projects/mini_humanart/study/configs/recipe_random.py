_base_ = 'recipe.py'

# Each sentence has random token states of its own, as wide as MiniLM's.
model = dict(text_encoder=dict(_delete_=True, type='RandomTextEncoder', embed_dims=384))
