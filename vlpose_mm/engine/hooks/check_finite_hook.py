"""Stop training that has diverged."""

import math
from collections.abc import Mapping

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch.nn.utils import get_total_norm


@HOOKS.register_module()
class CheckFiniteHook(Hook):
    """Stop training as soon as the loss or a trained weight is not finite.

    It comes before the hooks that save, so that the last good checkpoint stays. The
    ``CheckInvalidLossHook`` of MMDetection looks at the loss alone, every 50 iterations.

    Raises:
        FloatingPointError: If a number is not finite; the message names the images of the
            batch.
    """

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Mapping | None = None,
        outputs: Mapping | None = None,
    ) -> None:
        """Check the loss, and the weights after the step."""
        loss = float((outputs or {}).get('loss', 0.0))
        if not math.isfinite(loss):
            self._stop(f'The loss, {loss},', runner, data_batch)
        trained = [p.detach() for p in runner.model.parameters() if p.requires_grad]
        if not math.isfinite(get_total_norm(trained, norm_type=math.inf)):
            named = runner.model.named_parameters()
            name = next(name for name, p in named if not p.isfinite().all())
            self._stop(f'The loss is {loss:g}, but the new {name}', runner, data_batch)

    def _stop(self, fault: str, runner: Runner, data_batch: Mapping | None) -> None:
        samples = (data_batch or {}).get('data_samples') or ()
        images = [s.metainfo['img_path'] for s in samples if 'img_path' in s.metainfo]
        batch = f' Its batch has {", ".join(images[:8])}.' if images else ''
        last = runner.message_hub.get_info('last_ckpt', None)
        kept = f'The last checkpoint is {last}.' if last else 'There is no checkpoint yet.'
        raise FloatingPointError(
            f'{fault} is not finite, in iteration {runner.iter + 1} of epoch '
            f'{runner.epoch + 1}; nothing of it is saved.{batch} Lower the learning rate, '
            f'or look at these images. {kept}'
        )
