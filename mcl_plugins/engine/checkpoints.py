"""The part of the Runner that reads and writes checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.runner import Runner
from mmengine.runner.checkpoint import _load_checkpoint_to_model

from ..checkpoint.digest import DamagedFileError
from ..checkpoint.files import extract_state_dict, save_file
from ..checkpoint.latest import find_checkpoint, find_other
from ..checkpoint.sources import load_checkpoint
from ..checkpoint.tensor_files import SUFFIX
from ..checkpoint.whole_model import (
    class_layers,
    load_but_classes,
    other_classes_error,
    source_of,
)
from ..utils.writing import remove_leftovers
from .message_hub import bound_histories, make_inert, readable_only
from .statistics import warn_of_checkpoint
from .training_state import training_state
from .unwrap import unwrapped_model


def out_dir_of(config: Config) -> str | None:
    """Return the folder of the checkpoints if the config names one beside the work dir."""
    hook = (config.get('default_hooks') or {}).get('checkpoint')
    return hook.get('out_dir') if isinstance(hook, dict) else None


class CheckpointsRunner(Runner):
    """MMEngine's Runner with strict loading, safe files and atomic saving."""

    _load_from: str | None

    def _init_model_weights(self) -> None:
        """Initialise the weights, from a whole model if ``model.init_cfg`` names one.

        MMEngine only warns about tensors that do not fit.

        Raises:
            ValueError: it differs in more than the layers of the classes.
        """
        model = unwrapped_model(self)
        source = source_of(model)
        if source is not None:
            model.init_cfg = None
        super()._init_model_weights()
        if source is not None:
            load_but_classes(model, source)

    def load_or_resume(self) -> None:
        """Load or resume; without a named file, resume from the newest complete checkpoint.

        See :func:`mcl_plugins.checkpoint.latest.find_checkpoint`.

        Raises:
            ValueError: the work dir has checkpoints, but none of them can be read.
        """
        if self._resume and self._load_from is None and not self._has_loaded:
            self._load_from = find_checkpoint(self.work_dir, out_dir_of(self.cfg))
            if self._load_from is None:
                self.logger.info(
                    f'{self.work_dir} has no checkpoint to resume from; starting a new training.'
                )
                return
        super().load_or_resume()

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = 'cpu',
        strict: bool = True,
        revise_keys: Sequence[tuple[str, str]] = ((r'^module\.', ''),),
    ) -> dict:
        """Load a checkpoint of the whole model without executing anything in the file.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: no file is named, it is not a checkpoint, or it does not fit the model.
        """
        if not filename:
            raise ValueError(
                'load_from is empty: this config starts from a checkpoint of the whole model. '
                'Set it with --cfg-options load_from=work_dirs/.../epoch_100.pth'
            )
        checkpoint = make_inert(load_checkpoint(filename, map_location))
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        model = unwrapped_model(self)
        try:
            _load_checkpoint_to_model(model, checkpoint, strict, revise_keys=revise_keys)
        except RuntimeError as error:
            tensors = extract_state_dict(checkpoint)
            if differing := class_layers(model, tensors):
                raise other_classes_error(model, filename, tensors, differing) from error
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise ValueError(
                f'{filename} does not fit the {type(model).__name__} of this config. Is it a '
                'checkpoint of another architecture? To initialise only the encoder from a '
                'pre-training checkpoint, set model.backbone.init_cfg instead.\n'
                + '\n'.join(lines[:12])
            ) from error
        if not self._resume:  # where all settings are compared
            warn_of_checkpoint(model, filename, checkpoint)
        self._has_loaded = True
        self.logger.info(f'Load checkpoint from {filename}')
        return checkpoint

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Any = 'default',
    ) -> None:
        """Continue from a checkpoint; what is in it is data, and a damaged one names a whole one.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: it is damaged, has no training state, or does not fit this training.
        """
        if str(filename).endswith(SUFFIX):
            raise ValueError(
                f'--resume {filename}: a {SUFFIX} file has weights and no state of a training. '
                'Name a .pth file, or start from the weights with --cfg-options '
                f'load_from={filename}'
            )
        try:
            super().resume(filename, resume_optimizer, resume_param_scheduler, map_location)
        except DamagedFileError as error:
            other = find_other(filename)
            advice = f'The newest whole checkpoint beside it is {other}.' if other else ''
            raise DamagedFileError(f'{error} {advice}') from error
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise ValueError(
                f'{filename} is not a checkpoint of this training: its state has not the form that '
                f'is expected. ({type(error).__name__}: {error})'
            ) from error

    def states(self) -> tuple[dict, dict]:
        """Return the states of model and optimizer; that of one that is not built yet is empty."""
        wrapper = self.optim_wrapper
        built = wrapper is not None and not isinstance(wrapper, dict)
        return unwrapped_model(self).state_dict(), wrapper.state_dict() if built else {}

    @master_only
    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        """Save a checkpoint; a local file is written under a temporary name and then renamed.

        MMEngine builds the whole file in memory and writes it in place, so a run that is killed
        while it saves leaves half a file. What a metric or a hook has put into the message hub and
        could not be read again is left out, and so are log values that no log will read.
        """
        bound_histories(self)
        with readable_only(self.message_hub):
            if '://' in out_dir or file_client_args or backend_args:
                super().save_checkpoint(
                    out_dir,
                    filename,
                    file_client_args,
                    save_optimizer,
                    save_param_scheduler,
                    meta,
                    by_epoch,
                    backend_args,
                )
                return
            remove_leftovers(Path(out_dir))
            content = training_state(
                self, meta or {}, by_epoch, save_optimizer, save_param_scheduler
            )
            self.call_hook('before_save_checkpoint', checkpoint=content)
            save_file(content, Path(out_dir, filename))
