"""Build a model and predict an image; print when each was done.

Run in a process of its own by the case ``startup``: config, device, dtype, threads.
"""

import json
import sys
import time

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from projects.benchmark.conditions import Conditions
from projects.benchmark.samples import make_batch

if __name__ == '__main__':
    times = [time.time()]
    path, device, dtype, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    init_default_scope('mmpose')
    cfg = Config.fromfile(path)
    conditions = Conditions(torch.device(device), dtype)
    model = MODELS.build(cfg.model).eval().to(conditions.device)
    times.append(time.time())
    batch = make_batch(cfg, 1)
    with torch.no_grad(), conditions.autocast():
        # Its keypoints are on the CPU, so all work is done.
        model.test_step(batch)
    times.append(time.time())
    print(json.dumps(times))
