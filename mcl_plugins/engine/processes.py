"""The part of the Runner that sets up processes: gloo and DDP without a GPU."""

from __future__ import annotations

import platform

import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import Runner
from torch import distributed as dist
from torch import nn


class ProcessesRunner(Runner):
    """MMEngine's Runner, whose processes need no GPU."""

    def setup_env(self, env_cfg: dict) -> None:
        """Set up the environment, with gloo if there is no GPU.

        MMEngine requires an accelerator in each process.

        Raises:
            ValueError: processes without a GPU were started by a launcher other than torchrun.
        """
        if self.distributed and not torch.cuda.is_available() and not dist.is_initialized():
            if self.launcher != 'pytorch':
                raise ValueError(
                    f'--launcher {self.launcher} found no GPU on {platform.node()}; start CPU '
                    'processes with tools/dist_train.sh.'
                )
            dist.init_process_group('gloo')
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model in DDP, without a device if there is no GPU.

        MMEngine assigns a GPU to each process.
        """
        if not self.distributed or torch.cuda.is_available() or model_wrapper_cfg is not None:
            return super().wrap_model(model_wrapper_cfg, model)
        return MMDistributedDataParallel(
            module=model,
            broadcast_buffers=False,
            find_unused_parameters=self.cfg.get('find_unused_parameters', False),
        )
