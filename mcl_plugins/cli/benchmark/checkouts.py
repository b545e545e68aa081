"""Training steps of released codes, from a checkout that the user has; nothing of them is here.

The codes are of their time: what they import and is gone is replaced while they are imported, and
what they ask of a GPU is answered for a CPU. They train with one process, so a collective returns
what it is given.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from .timed import TimedStep

# A file by which a checkout is told from another folder, and the sizes that it has.
_CODES = {
    'ConMIM': ('engine_for_pretraining.py', ('small', 'base', 'large')),
    'CcMIM': ('models_ccmim.py', ('small', 'base', 'large')),
    'CMAE': ('cmae/models/algorithms/cmae.py', ('base',)),
}
_STEPS = 10**6  # for which the schedules of a training have values


class ReleasedStep(TimedStep):
    """The training step of a method's released code, on random images.

    Args:
        folder: a checkout of the code.
        config: of this package, for the method and the size of its encoder.
        batch_size: images of a step.
        device: where to train.

    Attributes:
        model: what is trained.

    Raises:
        ValueError: nothing is known of a released code of the method, or of its encoder's size, or
            the folder has another one.
    """

    def __init__(
        self, folder: str | Path, config: Config, batch_size: int, device: torch.device
    ) -> None:
        super().__init__(batch_size, device)
        method, arch = config.model.type.rpartition('.')[2], config.model.backbone.get('arch')
        file, archs = _CODES.get(method, ('', ()))
        if arch not in archs:
            known = '; '.join(f'{name} {", ".join(sizes)}' for name, (_, sizes) in _CODES.items())
            raise ValueError(f'Released code is run of {known}; not of {method} {arch!r}.')
        if not Path(folder, file).is_file():
            raise ValueError(f'{folder} is no checkout of the released {method}: it has no {file}.')
        prepare = {'ConMIM': _conmim, 'CcMIM': _ccmim, 'CMAE': _cmae}[method]
        images = torch.randn(batch_size, 3, 224, 224, device=device)
        drop_path = config.model.backbone.get('drop_path_rate', 0.0)
        with _old_libraries(Path(folder)), _one_process(device):
            self.model, self._step = prepare(
                SimpleNamespace(arch=arch, drop_path=drop_path), images
            )

    def train(self) -> None:
        """Take a step."""
        with _one_process(self.device):
            self._step()


class _Wrapped(nn.Module):
    """A model within another, as DistributedDataParallel has it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return self.module(*inputs, **options)


def _conmim(size: SimpleNamespace, images: Tensor) -> tuple[nn.Module, Callable[[], None]]:
    build = getattr(import_module('modeling_pretrain'), f'conmim_{size.arch}_patch16_224')
    options = dict(
        drop_path_rate=size.drop_path,
        use_shared_rel_pos_bias=True,
        use_abs_pos_emb=False,
        init_values=0.1,
        use_mlp_projectors=True,
    )
    model, teacher = (build(**options).to(images.device) for _ in range(2))
    teacher.requires_grad_(False)
    engine, utils = import_module('engine_for_pretraining'), import_module('utils')
    optimizer = _adamw(model)
    scaler = utils.NativeScalerWithGradNormCount()
    if images.device.type == 'cpu':
        scaler.state_dict = lambda: {'scale': 1.0}  # which is logged
    mask = torch.zeros(len(images), 14 * 14)
    mask[:, : round(0.75 * 14 * 14)] = 1
    batch = (images, images, mask.unflatten(1, (14, 14))), None
    done = itertools.count()

    def step() -> None:
        engine.train_one_epoch(
            _Wrapped(model), [batch], optimizer, images.device, 0, scaler,
            _Constant(0.996), teacher, teacher, 0.1, 1.0, start_steps=next(done),
            lr_schedule_values=_Constant(1e-4), wd_schedule_values=_Constant(0.05),
        )  # fmt: skip

    return model, step


def _ccmim(size: SimpleNamespace, images: Tensor) -> tuple[nn.Module, Callable[[], None]]:
    build = getattr(import_module('models_ccmim'), f'ccmim_vit_{size.arch}_patch16')
    settings = SimpleNamespace(
        random=False, contrastive=True, accum_iter=1, mask_ratio=0.75, lr=1e-4, min_lr=0.0,
        warmup_epochs=1, epochs=_STEPS,
    )  # fmt: skip
    model = build(norm_pix_loss=True, args=settings).to(images.device)
    engine = import_module('engine_pretrain')
    optimizer = _adamw(model)
    scaler = import_module('util.misc').NativeScalerWithGradNormCount()
    done = itertools.count()

    def step() -> None:
        engine.train_one_epoch(
            model, [(images, None)], optimizer, images.device, next(done), scaler, args=settings
        )

    return model, step


def _cmae(size: SimpleNamespace, images: Tensor) -> tuple[nn.Module, Callable[[], None]]:
    """CMAE's code trains with MMEngine, whose optimizer wrapper takes the step here too."""
    import_module('cmae.models')
    folder = Path(str(import_module('cmae').__file__)).parents[1]
    files = sorted(folder.glob('configs/pre-training/cmae/*base*1600e*.py'))
    config = Config.fromfile(files[0])
    with DefaultScope.overwrite_default_scope('cmae'):
        model = import_module('cmae.registry').MODELS.build(config.model).to(images.device)
        config.optim_wrapper.pop('loss_scale')
        config.optim_wrapper.type = 'OptimWrapper'
        wrapper = build_optim_wrapper(model, config.optim_wrapper)
    for group in wrapper.optimizer.param_groups:
        group['foreach'] = True

    def step() -> None:
        losses = model(images, img_t=images, mode='loss')
        wrapper.update_params(model.parse_losses(losses)[0])
        model.momentum_update()

    return model, step


class _Constant:
    """A schedule of one value."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __getitem__(self, step: int) -> float:
        return self.value


def _adamw(model: nn.Module) -> torch.optim.Optimizer:
    """Return an optimizer with weight decay of matrices only, and one call for all of a group."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        dict(params=[p for p in trained if (p.ndim > 1) == decayed], weight_decay=decay, lr_scale=1)
        for decayed, decay in ((True, 0.05), (False, 0.0))
    ]
    return torch.optim.AdamW(groups, lr=1e-4, foreach=True)


@contextlib.contextmanager
def _old_libraries(folder: Path) -> Iterator[None]:
    """Import from a checkout, with stand-ins for what newer libraries do not have."""
    contents: dict[str, dict[str, Any]] = {
        'torch._six': {'inf': math.inf},
        'tensorboardX': {'SummaryWriter': None},
        'timm.models.layers.helpers': {'to_2tuple': lambda value: (value, value)},
    }
    stand_ins = {}
    for name, content in contents.items():
        stand_ins[name] = ModuleType(name)
        vars(stand_ins[name]).update(content)
    path = [str(folder), *sys.path]
    with (
        mock.patch.dict(sys.modules, stand_ins),
        mock.patch.object(sys, 'path', path),
        mock.patch.object(np, 'float', float, create=True),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter('ignore')  # of timm's earlier names
        yield


@contextlib.contextmanager
def _one_process(device: torch.device) -> Iterator[None]:
    """Run code that asks for a GPU and for other processes, without its output."""

    def gather(gathered: list[Tensor], tensor: Tensor, async_op: bool = False) -> None:
        gathered[0].copy_(tensor)

    replaced: list[tuple[Any, str, Callable]] = [
        (torch.distributed, 'get_rank', lambda *_: 0),
        (torch.distributed, 'get_world_size', lambda *_: 1),
        (torch.distributed, 'all_gather', gather),
    ]
    if device.type == 'cpu':
        replaced += [
            (torch.cuda, 'synchronize', lambda *_: None),
            (Tensor, 'cuda', lambda tensor, *_: tensor),
        ]
    with contextlib.ExitStack() as stack:
        for owner, name, value in replaced:
            stack.enter_context(mock.patch.object(owner, name, value))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        yield
