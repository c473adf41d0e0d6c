_base_ = 'recipe.py'

model = dict(text_encoder=None)
