_base_ = 'mmpose::_base_/default_runtime.py'

custom_imports = dict(imports=['vlpose_mm'])

# Inferencers read it: a top-down model needs a detector, which goes by `dataset_type`.
data_mode = 'topdown'

default_hooks = dict(
    checkpoint=dict(
        save_best='coco/AP',
        rule='greater',
        max_keep_ckpts=1,
        # Else the last one is removed before the next one is whole.
        backend_args=dict(backend='atomic'),
    ),
    # Before it saves: it stops what has diverged.
    finite=dict(type='CheckFiniteHook'),
)
