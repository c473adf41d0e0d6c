# What `--model real-small` runs: vlpose_real_small_joint.py, tuned, wherever the package
# is. Its loader fills in the files.
_base_ = [
    'vlpose_real_small_model.py',
    '../../../configs/_base_/overlays/scenario_classifier.py',
]

# Nothing of the training.
custom_imports = dict(imports=['vlpose_mm'])

model = _base_.pop('overlay')
model.data_preprocessor = dict(type='PoseDataPreprocessor')
