# Each image takes the route that `model.routes` has for what its annotation says.
overlay = dict(
    test_cfg=dict(route='auto'),
    routes=dict(text_prompt='tuned', scenario='tuned', none='original'),
)
