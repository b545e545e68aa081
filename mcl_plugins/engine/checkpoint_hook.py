"""A CheckpointHook that deletes the oldest checkpoint only after the new one is written."""

from __future__ import annotations

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook as _CheckpointHook
from mmengine.runner import Runner

from ..registry import HOOKS


@HOOKS.register_module()
class CheckpointHook(_CheckpointHook):
    """MMEngine's ``CheckpointHook``, which deletes the oldest file after the new one is written.

    MMEngine deletes it before. With ``max_keep_ckpts=1``, a save that fails, for example because
    the disk is full, then leaves no checkpoint at all. The arguments are the same.

    Example:
        >>> CheckpointHook(interval=10, max_keep_ckpts=1).max_keep_ckpts
        1
    """

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        outdated = None
        if self.max_keep_ckpts > 0:
            kept = self.keep_ckpt_ids
            if len(kept) == self.max_keep_ckpts and kept[-1] != step:
                outdated = kept.popleft()  # hide it from MMEngine, which would delete it now
        super()._save_checkpoint_with_step(runner, step, meta)
        if outdated is not None and is_main_process():
            self._remove(self.filename_tmpl.format(outdated))

    def _remove(self, name: str) -> None:
        """Delete a checkpoint if it exists; DeepSpeed's checkpoints are folders."""
        path = self.file_backend.join_path(self.out_dir, name)
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):
            self.file_backend.rmtree(path)
