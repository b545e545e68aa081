"""Work-arounds for quirks of the libraries: each with its reason and how to know it can go."""

from __future__ import annotations

import functools
import importlib
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.config import utils as config_utils
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import runner as mmengine_runner
from torch import nn
from torch.overrides import TorchFunctionMode

from .images import unreadable


def import_quietly(*modules: str) -> None:
    """Import libraries without their notices about optional parts that nobody asked for.

    mmcv warns of ops that are not compiled, mmpretrain prints that OneDL is absent and imports
    mmdet, which logs that line detection lacks CUDA: ten lines before each command says anything.
    What does not import still raises. Can go when importing mmpretrain prints nothing.
    """
    disabled = logging.root.manager.disable
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.filterwarnings('ignore', message='Fail to import ``MultiScale')
        logging.disable(logging.WARNING)
        try:
            for module in modules:
                importlib.import_module(module)
        finally:
            logging.disable(disabled)


def ignore_mmseg_notices() -> None:
    """Silence what mmseg warns of whenever a segmentor is built, with its own configs too.

    That the loss averages over all pixels as it always did, that pictures are off by default, and
    that its own base configs still say ``reduce_zero_label``. Can go when building a segmentor
    from ``mmseg::_base_`` prints nothing.
    """
    for message in ('Default ``avg_non_ignore``', 'The draw is False', '`reduce_zero_label` will'):
        warnings.filterwarnings('ignore', message=message)


def mend_mmseg_inheritance() -> None:
    """Let ``_base_ = 'mmseg::...'`` find the installed mmseg.

    MMEngine looks for a distribution named ``mmsegmentation``, which the maintained line does not
    have, and ``mmengine.hub`` would then install the old one over it. Can go when
    ``MODULE2PACKAGE['mmseg']`` names an importable module.
    """
    config_utils.MODULE2PACKAGE['mmseg'] = 'mmseg'


def refuse_unsafe_pickles(load: Callable) -> None:
    """Make MMEngine load checkpoints with ``load``, which never runs code from a file.

    MMEngine tries ``weights_only=True`` and falls back to ``weights_only=False`` when the file is
    refused, so a hostile file is executed. Can go when that fall-back is gone.
    """
    mmengine_checkpoint._safe_torch_load = load


def write_checkpoints_whole(save: Callable) -> None:
    """Make the Runner write local checkpoints with ``save``, to a temporary file that is renamed.

    MMEngine writes in place: a run that is killed while saving leaves half a file, which a later
    ``--resume`` picks up. Can go when ``mmengine.runner.checkpoint.save_checkpoint`` renames.
    """
    write_anywhere = mmengine_checkpoint.save_checkpoint

    def save_checkpoint(
        checkpoint: dict, filename: str, file_client_args: Any = None, backend_args: Any = None
    ) -> None:
        if '://' in filename or file_client_args or backend_args:
            write_anywhere(checkpoint, filename, file_client_args, backend_args)
        else:
            save(checkpoint, filename)

    mmengine_runner.save_checkpoint = save_checkpoint


def name_unreadable_images() -> None:
    """Make mmcv's ``LoadImageFromFile`` name a file that it cannot read.

    OpenCV's error for an empty file does not say which one it is, and mmcv's for a damaged one is
    an AssertionError, as of a fault of the code. Can go when the transform raises an error with the
    path for both.
    """
    load = LoadImageFromFile.transform

    @functools.wraps(load)
    def transform(self: LoadImageFromFile, results: dict) -> dict | None:
        try:
            return load(self, results)
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of the system: it has the path
            reason = '' if isinstance(error, AssertionError) else f'{error}'.strip()
            raise unreadable(results['img_path'], reason or 'no image format') from error

    LoadImageFromFile.transform = transform


def remove_checkpoints_after_saving() -> None:
    """Let CheckpointHook keep the oldest file until the new one is written.

    MMEngine's removes it before: with ``max_keep_ckpts=1`` a save that fails, on a full disk for
    one, leaves no checkpoint at all. Can go when ``_save_checkpoint_with_step`` removes last.
    """
    save = CheckpointHook._save_checkpoint_with_step

    @functools.wraps(save)
    def save_then_remove(hook: CheckpointHook, runner: Any, step: int, meta: dict) -> None:
        outdated = None
        if hook.max_keep_ckpts > 0:
            kept = hook.keep_ckpt_ids
            if len(kept) == hook.max_keep_ckpts and kept[-1] != step:
                outdated = kept.popleft()  # so that there is nothing to remove for MMEngine
        save(hook, runner, step, meta)
        if outdated is not None and is_main_process():
            _remove(hook.file_backend, hook.out_dir, hook.filename_tmpl.format(outdated))

    CheckpointHook._save_checkpoint_with_step = save_then_remove


def _remove(backend: Any, folder: str, name: str) -> None:
    """Remove a checkpoint if it is there; DeepSpeed's are folders."""
    path = backend.join_path(folder, name)
    if backend.isfile(path):
        backend.remove(path)
    elif backend.isdir(path):
        backend.rmtree(path)


def find_checkpoints_that_exist(find: Callable) -> None:
    """Make the Runner resume from what ``find`` finds in its work dir.

    MMEngine reads ``last_checkpoint`` and looks no further: an empty one starts a training anew,
    over its own checkpoints, and the path in it is that of a folder that may have been moved. Can
    go when ``mmengine.runner.find_latest_checkpoint`` looks for the files.
    """
    mmengine_runner.find_latest_checkpoint = find


def forget_autocast_weights() -> None:
    """Drop the half-precision copies of weights that autocast made without gradient.

    Before PyTorch 2.11 a pass under ``no_grad`` leaves copies in autocast's cache that a trained
    pass of the same weights then uses: these weights get no gradient, silently. Can go when
    setup.cfg asks for torch 2.11.
    """
    torch.clear_autocast_cache()


def single_drop_path(layers: Iterable[Any]) -> None:
    """Undo the second drop path on the FFN branch of mmpretrain's BEiT blocks.

    The FFN drops its output and the block drops it again, so a rate p acts as 1 - (1 - p)^2 there.
    Can go when ``BEiTTransformerEncoderLayer`` no longer passes ``dropout_layer`` to its FFN.
    """
    for layer in layers:
        layer.ffn.dropout_layer = nn.Identity()


@contextmanager
def quiet_meshgrid() -> Iterator[None]:
    """Silence PyTorch's notice about ``torch.meshgrid`` without ``indexing``, and only that.

    mmpretrain's relative position index is what it wants (row-major). Can go when
    mmpretrain passes ``indexing='ij'``.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='torch.meshgrid')
        yield


class LinspaceOnHost(TorchFunctionMode):
    """Let mmpretrain's Swin be built on the meta device: ``with LinspaceOnHost(): ...``.

    Its constructor reads drop path rates from a tensor that it makes on the default device. Can go
    when ``SwinTransformer`` builds under ``torch.device('meta')``.
    """

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Call ``func``, on the CPU if it is ``torch.linspace``."""
        on_host = {'device': 'cpu'} if func is torch.linspace else {}
        return func(*args, **{**(kwargs or {}), **on_host})
