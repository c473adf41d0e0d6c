# Heatmaps as those of the published Swin, PVT and HRFormer: without UDP.
_base_ = 'vlpose.py'

model = dict(
    head=dict(
        decoder=dict(
            type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2
        ),
    ),
    test_cfg=dict(shift_heatmap=True),
)
