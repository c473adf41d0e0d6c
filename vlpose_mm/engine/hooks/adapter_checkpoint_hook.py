"""Save checkpoints of the adapter alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import MessageHub
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from vlpose_mm.checkpoint import atomic_backend  # noqa: F401
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator

# What the names of this hook's files and records start with.
OWN = 'tuned_'
AVERAGED = 'module.'


@HOOKS.register_module()
class AdapterCheckpointHook(CheckpointHook):
    """Save the adapter of a :class:`VLPoseEstimator`, without base and text encoder.

    A file holds the adapter's weights, the token states of the text prompts used, the hash
    of the base weights, and what ``resume`` needs. Instead of whole checkpoints:
    ``default_hooks=dict(checkpoint=dict(type='AdapterCheckpointHook'))``; besides them:
    ``custom_hooks=[*_base_.custom_hooks, dict(type='AdapterCheckpointHook')]``,
    where ``--resume`` continues from the last whole one.

    Files on a local disk are written by :class:`AtomicBackend`, unless ``backend_args`` are
    set. Those that are not for resuming (``save_optimizer=False``, best ones) have no log.

    The arguments are those of :class:`mmengine.hooks.CheckpointHook`. By default
    ``filename_tmpl`` is ``tuned_epoch_{}.pth`` or ``tuned_iter_{}.pth``; text features are
    published with any ``published_keys``.
    """

    def __init__(
        self, by_epoch: bool = True, filename_tmpl: str | None = None, **kwargs
    ) -> None:
        if filename_tmpl is None:
            filename_tmpl = f'{OWN}{"epoch" if by_epoch else "iter"}_{{}}.pth'
        super().__init__(by_epoch=by_epoch, filename_tmpl=filename_tmpl, **kwargs)
        if self.published_keys and 'text_features' not in self.published_keys:
            self.published_keys = [*self.published_keys, 'text_features']
        self._is_saving = False

    def before_train(self, runner: Runner) -> None:
        """Find out where to save; refuse other models than :class:`VLPoseEstimator`."""
        _model_of(runner)
        local = '://' not in str(self.out_dir or runner.work_dir)
        if local and self.backend_args is None and self.file_client_args is None:
            self.backend_args = dict(backend='atomic')
        super().before_train(_OwnRunner(runner))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Reduce a checkpoint that this hook saves to the adapter, in place."""
        if not self._is_saving:
            return
        model = _model_of(runner)
        checkpoint['state_dict'] = model.adapter_state_dict(checkpoint['state_dict'])
        averaged = checkpoint.get('ema_state_dict')
        if averaged is not None:
            names = [name for name in averaged if name.startswith(AVERAGED)]
            weights = {n.removeprefix(AVERAGED): averaged.pop(n) for n in names}
            for name, tensor in model.adapter_state_dict(weights).items():
                averaged[AVERAGED + name] = tensor
        features = model.adapter_text_features()
        if features is not None:
            checkpoint['text_features'] = features
        if 'optimizer' not in checkpoint:
            # The log of a long training is larger than what was tuned.
            checkpoint['message_hub'] = {**checkpoint['message_hub'], 'log_scalars': {}}

    def _save_checkpoint(self, runner: Runner) -> None:
        with self._saving(runner) as own:
            super()._save_checkpoint(own)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        with self._saving(runner) as own:
            super()._save_best_checkpoint(own, metrics)

    @contextmanager
    def _saving(self, runner: Runner) -> Iterator['_OwnRunner']:
        """Save adapter checkpoints inside a ``with`` block."""
        _share_text_prompts(_model_of(runner))
        pointer = os.path.join(runner.work_dir, 'last_checkpoint')
        whole = _whole_checkpoint(runner, pointer) if is_main_process() else None
        self._is_saving = True
        try:
            yield _OwnRunner(runner)
        finally:
            self._is_saving = False
        if whole is not None:
            with replace_file(pointer) as file:
                file.write(whole.encode())


class _OwnRunner:
    """A runner whose message hub has this hook's records, not another hook's."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.message_hub = _OwnRecords(runner.message_hub)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)


class _OwnRecords:
    """The entries of a message hub that are this hook's, by their names' start."""

    def __init__(self, hub: MessageHub) -> None:
        self._hub = hub

    @property
    def runtime_info(self) -> dict:
        info = self._hub.runtime_info
        return {k.removeprefix(OWN): info[k] for k in info if k.startswith(OWN)}

    def get_info(self, key: str) -> Any:
        return self._hub.get_info(OWN + key)

    def update_info(self, key: str, value: Any) -> None:
        self._hub.update_info(OWN + key, value)


def _model_of(runner: Runner) -> VLPoseEstimator:
    """Unwrap the runner's model."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    if not isinstance(model, VLPoseEstimator):
        raise ValueError(
            f'AdapterCheckpointHook needs a VLPoseEstimator, got a {type(model).__name__}; '
            'use CheckpointHook.'
        )
    return model


def _share_text_prompts(model: VLPoseEstimator) -> None:
    """Note, in the process that saves, the text prompts that others have read."""
    if model.text_encoder is None:
        return
    text = model.adapter_text
    for used, tuned_with in all_gather_object((text.used, text.tuned_with)):
        text.note(used, is_tuned=False)
        text.note(tuned_with, is_tuned=True)


def _whole_checkpoint(runner: Runner, pointer: str) -> str | None:
    """Read from which checkpoint of another hook ``--resume`` would continue, if any."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    alone = all(isinstance(hook, AdapterCheckpointHook) for hook in hooks)
    if alone or not os.path.exists(pointer):
        return None
    with open(pointer) as file:
        path = file.read()
    own = _OwnRecords(runner.message_hub).runtime_info.get('last_ckpt')
    return None if path == own else path
