# A classifier looks at what is told nothing; artificial images take the tuned route, with
# the text prompt of their scenario. Use it with
#   model = _base_.routing
#   custom_hooks = [*_base_.custom_hooks, *_base_.scenario_hooks]
routing = dict(
    scenario_classifier=dict(type='ScenarioClassifier'), test_cfg=dict(route='auto')
)
scenario_hooks = [dict(type='ScenarioClassifierHook')]
