"""Load an encoder from a pre-training checkpoint: all of its tensors, or a clear error."""

from __future__ import annotations

from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from .aliases import list_spellings
from .files import extract_state_dict, load_file
from .origin import check_heads


def init_from_checkpoint(module: BaseModule) -> bool:
    """Initialise a module from the checkpoint in ``init_cfg=dict(type='Pretrained', ...)``.

    MMEngine's own loading only warns about tensors that are missing or have another shape. Here
    they are an error, unless ``init_cfg`` has ``allow_missing=True``.

    Returns:
        True if the checkpoint was loaded; False, and nothing is done, if ``init_cfg`` is not of
        type ``'Pretrained'``.

    Raises:
        ValueError: see :func:`load_encoder`; or ``init_cfg`` lists another initialisation, too.
    """
    config = module.init_cfg
    if isinstance(config, list | tuple):
        if len(config) > 1 and any(part['type'] == 'Pretrained' for part in config):
            raise ValueError(
                f"init_cfg={config}: dict(type='Pretrained', ...) initialises the whole module. "
                'Remove the other entries.'
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

    Position tables are resized by the module's own hooks. Tensors that a downstream task adds to
    the encoder are not in a pre-training file and keep their initial values. The module lists them
    in ``task_modules`` (names of children, such as the norm after mean pooling) and
    ``task_tensors`` (last components of tensor names, in any block). The log states how many
    tensors were loaded.

    Args:
        module: the encoder.
        path: a file written by this package or by ``tools/convert``.
        prefix: prefix of the encoder's tensors in the file: ``'backbone.'`` for the student,
            ``'ema.backbone.'`` for its EMA, even if the file has an earlier name of the EMA.
        allow_missing: load the tensors that fit and only log the others.
        allow_resizing: let the module's hooks resize position tables of another grid.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: no tensor has the prefix, or the tensors are those of another architecture.
    """
    if not path:
        raise ValueError(
            'init_cfg.checkpoint is empty: set it to the pre-training checkpoint, for example with '
            '--cfg-options model.backbone.init_cfg.checkpoint=work_dirs/vit-b/epoch_800.pth, or '
            'start from random weights with the recipe of a config without layer decay, such as '
            'configs/conmim/baselines/in1k-scratch_vit-b.py.'
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
        raise ValueError(
            f'{path} has no tensors with the prefix {prefix!r}; its names start with {tops}. Set '
            'init_cfg.prefix to the prefix of the encoder.'
        )
    loaded, problems = _load(module, encoder, allow_resizing)
    if problems and not allow_missing:
        # A caller that forbids resizing, such as a frozen teacher, cannot use a part either.
        part = ' To load what fits, set init_cfg.allow_missing=True.' if allow_resizing else ''
        raise ValueError(
            f'{path} (prefix {prefix!r}) does not fit {type(module).__name__}:\n  '
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
    """Load the tensors that fit.

    Returns:
        The names that were loaded, and a message for each tensor in which module and file differ.
    """
    if allow_resizing:
        try:
            for hook in module._load_state_dict_pre_hooks.values():
                hook(encoder, '', {}, True, [], [], [])
        except (AssertionError, KeyError, RuntimeError) as error:
            return set(), [f'position tables that cannot be resized: {error}']
    wanted = module.state_dict()
    # Parts of a single task may be absent; positions and blocks must not be.
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
            problems.append(f'unexpected: {name} {tuple(encoder[name].shape)}')
        elif name in wanted and name in encoder:
            file_shape, model_shape = tuple(encoder[name].shape), tuple(wanted[name].shape)
            problems.append(f'shape of {name}: {file_shape} in the file, {model_shape} here')
    return set(fitting), problems
