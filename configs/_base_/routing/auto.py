# Each picture takes the route of its row: told a sentence, of a scenario, or told nothing.
routing = dict(
    test_cfg=dict(route='auto'),
    routes=dict(sentence='tuned', scenario='tuned', none='original'),
)
