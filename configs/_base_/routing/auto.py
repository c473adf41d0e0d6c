# Each image takes the route of its row: told a text prompt, of a scenario, or told nothing.
routing = dict(
    test_cfg=dict(route='auto'),
    routes=dict(text_prompt='tuned', scenario='tuned', none='original'),
)
