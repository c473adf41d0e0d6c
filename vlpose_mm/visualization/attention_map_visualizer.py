"""MMPose's visualizer with attention maps."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import master_only
from mmengine.logging import print_log
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from vlpose_mm.visualization.attention_maps import draw_attention_maps
from vlpose_mm.visualization.captions import save_image


@VISUALIZERS.register_module()
class AttentionMapVisualizer(PoseLocalVisualizer):
    """MMPose's visualizer that also draws attention maps.

    Predictions have them with ``model.test_cfg.output_attention_maps=True``. For each image
    of poses a sheet is drawn: ``attention_maps/NAME.png`` in the folder of the image, or
    ``NAME_attention_maps`` in a visualization backend or window.

    Args:
        name (str): Name of the instance.
        per_head (bool): Whether to draw each attention head.
        **kwargs: Passed to :class:`mmpose.visualization.PoseLocalVisualizer`.
    """

    def __init__(
        self, name: str = 'visualizer', per_head: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(name, **kwargs)
        self.per_head = per_head
        self._has_warned = False

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: PoseDataSample,
        *args: Any,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        step: int = 0,
        **kwargs: Any,
    ) -> np.ndarray:
        """Draw a sample, and its sheet; return the image with poses, RGB, H x W x 3."""
        settings = dict(show=show, wait_time=wait_time, out_file=out_file, step=step)
        drawn = super().add_datasample(
            name, image, data_sample, *args, **settings, **kwargs
        )
        maps = data_sample.metainfo.get('pred_attention_maps')
        if maps is None:
            if data_sample.metainfo.get('pred_route') == 'tuned' and not self._has_warned:
                self._has_warned = True
                print_log(
                    'AttentionMapVisualizer: the predictions have no attention maps; set '
                    'model.test_cfg.output_attention_maps=True.',
                    logger='current',
                    level=logging.WARNING,
                )
            return drawn
        sheet = draw_attention_maps(image, [maps], per_head=self.per_head)
        if show:
            self.show(sheet, win_name=f'{name}_attention_maps', wait_time=wait_time)
        if out_file is not None:
            path = Path(out_file)
            # In another folder, since MMPose numbers an image by the files of its name.
            path = path.parent / 'attention_maps' / f'{path.stem}.png'
            path.parent.mkdir(exist_ok=True)
            save_image(sheet, str(path))
        else:
            self.add_image(f'{name}_attention_maps', sheet, step)
        return drawn
