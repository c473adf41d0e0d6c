_base_ = [
    '../../../_base_/datasets/humanart_256x192.py',
    '../../../_base_/models/vlpose_vit-small_256x192.py',
    '../../../_base_/schedules/adamw_210e_vit-small.py',
]

load_from = _base_.base_weights
