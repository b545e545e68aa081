"""Load an encoder from a pre-training checkpoint: all of its tensors, or a clear error."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from .aliases import list_spellings, present_name
from .files import extract_state_dict
from .layouts.recognise import OWN, Found, choose, find_encoders
from .layouts.steps import fold_layer_scale
from .origin import check_heads, other_heads_error, read_preprocessing
from .sources import load_checkpoint

_INDEX = 'relative_position_index'
_BLOCKS = ('layers.', 'stages.', 'conv_stages.')  # prefixes of the blocks of all encoders


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
        module, config['checkpoint'], config.get('prefix') or '', config.get('allow_missing', False)
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
        path: a file, folder or URL of this package or of another origin; see
            :mod:`.layouts.recognise`. The log says what it was recognised as.
        prefix: prefix of the encoder's tensors in the file: ``'backbone.'`` for the student,
            ``'ema.backbone.'`` for its EMA, even if the file has an earlier name of the EMA. The
            last dot may be left out, as in MMEngine.
        allow_missing: load the tensors that fit and only log the others. Some of the tensors must
            be those of blocks.
        allow_resizing: let the module's hooks resize position tables of another grid.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: no tensor has the prefix and no layout is recognised, or the tensors are those
            of another architecture.
    """
    if not path:
        raise ValueError(
            'init_cfg.checkpoint is empty: set it to the pre-training checkpoint, for example with '
            '--cfg-options model.backbone.init_cfg.checkpoint=work_dirs/vit-b/epoch_800.pth, or '
            'start from random weights with the recipe of a config without layer decay, such as '
            'configs/conmim/baselines/in1k-scratch_vit-b.py.'
        )
    if prefix and not prefix.endswith('.'):
        prefix += '.'
    content = load_checkpoint(path)
    check_heads(module, content, path)
    # Whoever knows the data preprocessor of the model compares it.
    vars(module)['trained_with'] = read_preprocessing(content)
    tensors = extract_state_dict(content)
    own = next(filter(None, (_under(start, tensors) for start in list_spellings(prefix))), {})
    if not _is_own(module, own) and (found := _find_foreign(content, prefix, path, bool(own))):
        own = _adapt(module, found, path)
        load_tensors(module, own, f'{path} ({found})', allow_missing, allow_resizing)
        return
    if not own:
        tops = sorted({key.split('.')[0] for key in tensors})
        raise ValueError(
            f'{path} has no tensors with the prefix {prefix!r}; its names start with {tops}. Set '
            'init_cfg.prefix to the prefix of the encoder.'
        )
    load_tensors(module, own, f'{path} (prefix {prefix!r})', allow_missing, allow_resizing)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _is_own(module: nn.Module, tensors: dict[str, Tensor]) -> bool:
    """Whether most of the names are the module's; tokens and positions have one name everywhere."""
    names = module.state_dict().keys()
    parts = [name for name in tensors if '.' in name]
    return bool(parts) and 2 * sum(name in names for name in parts) > len(parts)


def _find_foreign(content: dict, prefix: str, path: str, has_prefix: bool) -> Found | None:
    """Find the encoder of a file that has other names, or this package's without a prefix.

    Returns:
        None if the file has this package's names, so that the prefix or the architecture is wrong.

    Raises:
        ValueError: there is no encoder of a known layout.
    """
    try:
        found = find_encoders(content, path)
    except ValueError:
        if has_prefix:
            return None
        raise
    if all(encoder.layout in OWN and encoder.place for encoder in found):
        return None
    averaged = present_name(prefix).startswith('ema.') and any(part.averaged for part in found)
    return choose(found, 'ema' if averaged else None, path)


def _adapt(module: nn.Module, found: Found, path: str) -> dict[str, Tensor]:
    """Return the tensors in the form that a module takes them in.

    Raises:
        ValueError: the file's encoder has another number of attention heads.
    """
    names, tensors = module.state_dict().keys(), dict(found.tensors)
    layers: Any = getattr(module, 'layers', None)
    heads = layers[0].attn.num_heads if layers else None
    if found.num_heads not in (None, heads):
        raise other_heads_error(path, found.num_heads, heads)
    if not any('.gamma1.' in name for name in names):  # the module has no layer scale
        tensors = fold_layer_scale(tensors)
    token = tensors.pop('mask_token', None)
    if token is not None and 'decoder_embed' not in found.left_out:  # MAE's is the decoder's
        tensors['mask_token'] = token.view(1, 1, -1)
    elif 'mask_token' in names:
        print_log(f'{path} has no mask token of the encoder; it is new here.', logger='current')
        tensors['mask_token'] = module.state_dict()['mask_token']
    return tensors


def load_tensors(
    module: nn.Module,
    tensors: dict[str, Tensor],
    source: str,
    allow_missing: bool = False,
    allow_resizing: bool = True,
) -> None:
    """Load an encoder's tensors, whose names have no prefix, into ``module``.

    Args:
        module: the encoder.
        tensors: its tensors, which resizing may change.
        source: where they are from, for messages.
        allow_missing: as in :func:`load_encoder`.
        allow_resizing: as there.

    Raises:
        ValueError: the tensors are those of another architecture.
    """
    loaded, problems = _load(module, tensors, allow_resizing)
    if problems and not allow_missing:
        # A caller that forbids resizing, such as a frozen teacher, cannot use a part either.
        part = ' To load what fits, set init_cfg.allow_missing=True.' if allow_resizing else ''
        raise ValueError(
            f'{source} does not fit {type(module).__name__}:\n  '
            + '\n  '.join(problems[:8])
            + (f'\n  ... and {len(problems) - 8} more' if len(problems) > 8 else '')
            + f'\nIs it a checkpoint of another architecture?{part}'
        )
    if problems and not _has_blocks(module, loaded):
        others = sorted(tensors.keys() - loaded)[:8]
        raise ValueError(
            f'{source} has no weight of a block of {type(module).__name__}, so that all blocks '
            'would stay random with init_cfg.allow_missing=True. Set init_cfg.prefix to the prefix '
            f'of the encoder in the file, which also has {", ".join(others)}.'
        )
    for problem in problems:
        print_log(f'{source}: {problem}', logger='current')
    names = module.state_dict().keys()
    added = getattr(module, 'task_tensors', ())
    parts = [name.split('.') for name in names if name not in loaded]
    fresh = sorted({part[-1] if part[-1] in added else part[0] for part in parts})
    print_log(
        f'Loaded {type(module).__name__} from {source}: {len(loaded)} of '
        f'{len(names)} tensors' + (f'; new here: {", ".join(fresh)}.' if fresh else '.'),
        logger='current',
    )


def _has_blocks(module: nn.Module, loaded: Collection[str]) -> bool:
    """Whether tensors of blocks, besides relative positions, are loaded; True without blocks."""
    parts = [
        name
        for name in module.state_dict()
        if name.startswith(_BLOCKS) and 'relative_position' not in name
    ]
    return not parts or any(name in loaded for name in parts)


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
    for name in wanted:
        if name.endswith(_INDEX):  # it follows from the grid; other libraries do not store it
            encoder.setdefault(name, wanted[name])
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
