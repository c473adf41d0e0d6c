# What `vlpose demo` runs: vlpose_mini_auto.py, tuned, wherever the package is. Its loader
# fills in the files.
_base_ = ['vlpose_mini_model.py', '../../../configs/_base_/overlays/scenario_classifier.py']

model = _base_.pop('overlay')
