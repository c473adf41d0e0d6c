"""Distill a tuned VLPose into MMPose's own model, which costs what the base does."""

# First: it patches the stack that the other imports load.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.models import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from vlpose_mm.analysis.base_model import base_config
from vlpose_mm.checkpoint.io import write_file
from vlpose_mm.models.heads.dual_extractor_injector_head import BLOCK_LEN
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.tools.common import (
    add_cfg_options,
    add_checkpoint,
    check_output_file,
    load_config,
    load_vlpose,
    log_and_prints_to_stderr,
)
from vlpose_mm.tools.errors import command, errors_about


class Distiller(BaseModel):
    """A pose estimator of MMPose that learns the heatmaps of a tuned VLPose.

    Args:
        teacher (VLPoseEstimator): The tuned model, in eval mode.
        student (TopdownPoseEstimator): The model that is trained.
    """

    def __init__(self, teacher: VLPoseEstimator, student: TopdownPoseEstimator) -> None:
        super().__init__(student.data_preprocessor)
        self.teacher, self.student = teacher.requires_grad_(False), student

    def init_weights(self) -> None:
        """Do nothing: both have their weights, which a runner would replace."""

    def train(self, mode: bool = True) -> 'Distiller':
        """Do nothing: the student learns in eval mode, without noise, as it starts well."""
        return super().train(False)

    def forward(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample], mode: str = 'loss'
    ) -> dict[str, Tensor]:
        """Compute the loss: the squared difference of heatmaps, relative to theirs."""
        with torch.no_grad():
            wanted = self.teacher(inputs, data_samples)  # B, K, h, w
        found = self.student(inputs, data_samples)  # B, K, h, w
        return dict(loss=F.mse_loss(found, wanted) / wanted.square().mean())


def start(
    model: VLPoseEstimator, cfg: Config, data_samples: Sequence[PoseDataSample]
) -> TopdownPoseEstimator:
    """Build the student, with what of the adapter fits into the base's weights.

    These are the low-rank updates, as much of each as for the text prompts of the samples
    on average, the predictor and the batch norms.
    """
    own = base_config(cfg.model)
    # Where the base has other keypoints.
    own['head']['out_channels'] = model.head.out_channels
    student = MODELS.build(own)
    weights = model.state_dict()
    if model.backbone.lora is not None:
        names = {module: name for name, module in model.named_modules()}
        like = next(model.parameters())
        text_feats = model.encode_text(data_samples, like.device)
        with torch.no_grad():
            updates = model.backbone.lora(like, text_feats)
            for linears, scales in zip(model.backbone.lora.linears, updates, strict=True):
                # Of the linear layers of a layer, from B x linear x 1 x r.
                for linear, mean in zip(linears, scales.mean(0), strict=True):
                    weights[f'{names[linear]}.weight'] = linear.merged(mean).weight
    for name in [*weights]:
        copied = name.replace('head.tuned_final_layer.', 'head.final_layer.')
        part, _, rest = name.partition('head.tuned_norms.')
        if not part and rest:
            i, _, last = rest.partition('.')
            copied = f'head.deconv_layers.{BLOCK_LEN * int(i) + 1}.{last}'
        weights[copied] = weights[name]
    student.load_state_dict({name: weights[name] for name in student.state_dict()})
    return student


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description="Distill a tuned VLPose into MMPose's own model, which learns its "
        'heatmaps on the training images of the config, with their text prompts, on the '
        "config's route; the annotations are not used. Writes a checkpoint of the base."
    )
    parser.add_argument(
        'config', help='path of a config, or name of one that comes with vlpose_mm'
    )
    add_checkpoint(parser)
    parser.add_argument('out', help='file to write')
    add = parser.add_argument
    add('--steps', type=int, default=500, metavar='N', help='(default: 500)')
    add('--lr', type=float, default=2e-5, help='learning rate (default: 2e-5)')
    add('--work-dir', default='work_dirs/distill', help='of the log (default: %(default)s)')
    add_cfg_options(parser, 'train_dataloader.batch_size=16')
    options = parser.parse_args(args)
    if options.steps < 1:
        raise ValueError(f'--steps must be at least 1, got {options.steps}.')
    check_output_file(options.out)
    with log_and_prints_to_stderr(), errors_about(options.config, (KeyError, TypeError)):
        cfg = load_config(options)
        model = load_vlpose(cfg, options)
        off = distill(cfg, model, options)
    print(f'{options.out}: the heatmaps differ by {off:.3f} of their squares')


def distill(cfg: Config, model: VLPoseEstimator, options: argparse.Namespace) -> float:
    """Train a student and write it; return the loss of the last steps."""
    init_default_scope('mmpose')
    alone = dict(num_workers=0, persistent_workers=False)
    loader = Runner.build_dataloader({**cfg.train_dataloader, **alone}, seed=0)
    student = start(model, cfg, next(iter(loader))['data_samples'])
    depth = len(getattr(student.backbone, 'layers', ()))
    wrapper = dict(
        type=cfg.optim_wrapper.get('type', 'OptimWrapper'),
        optimizer=dict(type='AdamW', lr=options.lr, weight_decay=0.05),
        clip_grad=dict(max_norm=1.0),
        # As ViTPose: it starts well, and large steps in the first layers destroy that.
        constructor='LayerDecayOptimWrapperConstructor',
        paramwise_cfg=dict(num_layers=depth, layer_decay_rate=0.75),
    )
    warm_up = min(50, options.steps // 10)
    schedule = [
        dict(type='LinearLR', start_factor=0.01, end=max(warm_up, 1), by_epoch=False),
        dict(type='CosineAnnealingLR', T_max=options.steps, by_epoch=False),
    ]
    runner = Runner(
        Distiller(model, student),
        options.work_dir,
        train_dataloader=cfg.train_dataloader,
        train_cfg=dict(by_epoch=False, max_iters=options.steps),
        optim_wrapper=build_optim_wrapper(student, wrapper),
        param_scheduler=schedule,
        default_hooks=dict(checkpoint=None, logger=dict(type='LoggerHook', interval=20)),
        randomness=dict(seed=0),
        default_scope='mmpose',
        experiment_name='distill',
    )
    runner.train()
    write_file(dict(state_dict=student.state_dict()), options.out)
    return runner.message_hub.get_scalar('train/loss').mean(20)


if __name__ == '__main__':
    main()
