# A classifier decides for images without text prompt and scenario: natural images take the
# original route, artificial ones the tuned route with the text prompt of their scenario.
# It needs the hook:
#   custom_hooks = [*_base_.custom_hooks, dict(type='ScenarioClassifierHook')]
overlay = dict(
    scenario_classifier=dict(type='ScenarioClassifier'), test_cfg=dict(route='auto')
)
