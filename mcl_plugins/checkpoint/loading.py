"""Loading an encoder from a pre-training file: all of its tensors, or a clear error."""

from __future__ import annotations

from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from .aliases import list_spellings
from .files import extract_state_dict, load_file
from .origin import check_heads


def init_from_checkpoint(module: BaseModule) -> bool:
    """Carry out ``init_cfg=dict(type='Pretrained', ...)`` completely.

    MMEngine's own loading skips what is missing or of another shape with a warning. Here it is an
    error, unless ``init_cfg`` says ``allow_missing=True``.

    Returns:
        False if ``init_cfg`` asks for something else than a checkpoint; nothing is done then.

    Raises:
        ValueError: as :func:`load_encoder`, or ``init_cfg`` asks for more than the checkpoint.
    """
    config = module.init_cfg
    if isinstance(config, list | tuple):
        if len(config) > 1 and any(part['type'] == 'Pretrained' for part in config):
            raise ValueError(
                f'init_cfg={config}: a checkpoint is all of an initialisation, nothing stands '
                "beside dict(type='Pretrained', ...)."
            )
        config = config[0] if len(config) == 1 else None
    if not isinstance(config, dict) or config['type'] != 'Pretrained':
        return False
    load_encoder(
        module, config['checkpoint'], config.get('prefix', ''), config.get('allow_missing', False)
    )
    module._is_init = True
    return True


def load_encoder(
    module: nn.Module,
    path: str,
    prefix: str = '',
    allow_missing: bool = False,
    allow_resizing: bool = True,
) -> None:
    """Load the tensors under ``prefix`` of a checkpoint file into ``module``.

    Position tables are resized by the module's own hooks. What a task adds to the encoder is not in
    a pre-training file and starts fresh: the module names it in ``task_modules`` (children, such as
    the norm after mean pooling) or ``task_tensors`` (last parts of names, in whatever block). The
    log says how many tensors came from the file.

    Args:
        module: the encoder.
        path: a file written by this package, or one made by ``tools/convert``.
        prefix: what the encoder's tensors start with: ``'backbone.'`` for the student,
            ``'ema.backbone.'`` for its EMA, also in files that have the EMA under an earlier name.
        allow_missing: load what fits and only report the rest.
        allow_resizing: let the module's hooks fit position tables of another grid.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: nothing stands under the prefix, or the tensors are another architecture's.
    """
    if not path:
        raise ValueError(
            'init_cfg.checkpoint is empty: give the pre-training checkpoint, for example with '
            '--cfg-options model.backbone.init_cfg.checkpoint=work_dirs/vit-b/epoch_800.pth, or '
            'start from random weights with model.backbone.init_cfg=None'
        )
    content = load_file(path)
    check_heads(module, content, path)
    tensors = extract_state_dict(content)
    for start in list_spellings(prefix):
        encoder = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
        if encoder:
            break
    else:
        tops = sorted({key.split('.')[0] for key in tensors})
        raise ValueError(f'{path} has no tensors under {prefix!r}; its names start with {tops}.')
    loaded, problems = _load(module, encoder, allow_resizing)
    if problems and not allow_missing:
        # Who wants nothing resized, as a frozen teacher, has no use for a part either.
        part = ' To load what fits, set init_cfg.allow_missing=True.' if allow_resizing else ''
        raise ValueError(
            f'{path} (prefix {prefix!r}) does not fit {type(module).__name__}, so nothing was '
            'trained on it:\n  '
            + '\n  '.join(problems[:8])
            + (f'\n  ... and {len(problems) - 8} more' if len(problems) > 8 else '')
            + f'\nIs it a checkpoint of another architecture?{part}'
        )
    for problem in problems:
        print_log(f'{path}: {problem}', logger='current')
    names = module.state_dict().keys()
    added = getattr(module, 'task_tensors', ())
    parts = [name.split('.') for name in names if name not in loaded]
    fresh = sorted({part[-1] if part[-1] in added else part[0] for part in parts})
    print_log(
        f'Loaded {type(module).__name__} from {path} (prefix {prefix!r}): {len(loaded)} of '
        f'{len(names)} tensors' + (f'; new here: {", ".join(fresh)}.' if fresh else '.'),
        logger='current',
    )


def _load(
    module: nn.Module, encoder: dict[str, Tensor], allow_resizing: bool
) -> tuple[set[str], list[str]]:
    """Load what fits.

    Returns:
        The names that were loaded, and a line for each tensor in which module and file differ.
    """
    if allow_resizing:
        try:
            for hook in module._load_state_dict_pre_hooks.values():
                hook(encoder, '', {}, True, [], [], [])
        except (AssertionError, KeyError, RuntimeError) as error:
            return set(), [f'tables of positions that cannot be resized: {error}']
    wanted = module.state_dict()
    # Some parts belong to one task alone; positions and blocks may not be lost.
    fresh = getattr(module, 'task_modules', ())
    fresh_tensors = getattr(module, 'task_tensors', ())
    unneeded = {*fresh, *getattr(module, 'pretraining_modules', ())}
    fitting = {k: v for k, v in encoder.items() if k in wanted and v.shape == wanted[k].shape}
    module.load_state_dict(fitting, strict=False)
    problems = []
    for name in sorted((wanted.keys() | encoder.keys()) - fitting.keys()):
        top = name.split('.')[0]
        added = top in fresh or name.split('.')[-1] in fresh_tensors
        if name not in encoder and not added:
            problems.append(f'missing: {name} {tuple(wanted[name].shape)}')
        elif name not in wanted and top not in unneeded:
            problems.append(f'too many: {name} {tuple(encoder[name].shape)}')
        elif name in wanted and name in encoder:
            file_shape, model_shape = tuple(encoder[name].shape), tuple(wanted[name].shape)
            problems.append(f'shape of {name}: {file_shape} in the file, {model_shape} here')
    return set(fitting), problems
