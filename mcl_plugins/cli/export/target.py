"""The interface of a library that encoders are exported to."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ...checkpoint.layouts.steps import fold_layer_scale
from ...encoders import PretrainedEncoder
from ...encoders.config import FAMILIES, EncoderConfig
from ...layers.position_tables import expand_shared_table

Tensors = dict[str, Tensor]


class Tokens(NamedTuple):
    """What a library's model returns for N images.

    Attributes:
        patch_tokens: (N, L, D).
        class_token: (N, D), or None if it returns none.
    """

    patch_tokens: Tensor
    class_token: Tensor | None = None


Run = Callable[[Tensor], Tokens]


class Target(NamedTuple):
    """A library or format.

    Attributes:
        title: its name.
        distribution: the distribution whose version the model card states.
        families: of encoders that it has a model for.
        write: writes an encoder to an empty folder.
        read: loads the folder with the library, and returns how to run the model.
        how: lines of Python that load the folder, for the model card.
        modules: optional libraries that the two need.
    """

    title: str
    distribution: str
    families: tuple[str, ...]
    write: Callable[[PretrainedEncoder, Path], None]
    read: Callable[[PretrainedEncoder, Path], Run]
    how: str
    modules: tuple[str, ...] = ()


def check_libraries(target: Target) -> None:
    """Raise a ValueError if a library is missing that an export or its comparison needs."""
    missing = [name for name in (*target.modules, 'skimage') if find_spec(name) is None]
    if missing:
        raise ValueError(
            f'An export to {target.title} needs {", ".join(missing)}, which is not installed: '
            "pip install 'mcl_plugins[export]', or in a checkout bash tools/setup_env.sh."
        )


def check_family(target: Target, config: EncoderConfig) -> None:
    """Raise a ValueError if a library has no model of an encoder's family."""
    if config.family not in target.families:
        there = ', '.join(FAMILIES[family] for family in target.families)
        raise ValueError(
            f'{target.title} has no model of a {FAMILIES[config.family]} that it can be exported '
            f'to; it has: {there}. Export to safetensors, onnx or torchscript, which take every '
            'encoder.'
        )


def refuse_unless(fits: bool, target: str, what: str) -> None:
    """Raise a ValueError if a library's model differs from an encoder in a part."""
    if not fits:
        raise ValueError(
            f"{target}'s model of this family has no {what}, which this encoder needs. Export to "
            'safetensors, onnx or torchscript.'
        )


def plain_vit(encoder: PretrainedEncoder, target: str, final_norm: bool = True) -> Tensors:
    """Return the tensors of a ViT for a library whose ViT has no layer scale: it is multiplied in.

    Raises:
        ValueError: the encoder has a part that other libraries' ViTs lack.
    """
    options = encoder.config.options
    refuse_unless(not options.get('pre_norm'), target, 'norm before the blocks')
    refuse_unless('layer_cfgs' not in options, target, 'SwiGLU')
    refuse_unless(encoder.config.has_class_token, target, 'ViT without a class token')
    refuse_unless(options['final_norm'] or not final_norm, target, 'ViT without a final norm')
    return fold_layer_scale(state_of(encoder))


def beit(encoder: PretrainedEncoder, target: str) -> Tensors:
    """Return the tensors of a BEiT, with a table of relative positions in each block.

    Raises:
        ValueError: the encoder has a part that other libraries' BEiTs lack.
    """
    options = encoder.config.options
    refuse_unless(not options.get('bias'), target, 'bias of keys')
    tensors = state_of(encoder)
    expand_shared_table(tensors, '', encoder.config.arch['num_layers'])
    return tensors


def swin(encoder: PretrainedEncoder, target: str) -> Tensors:
    """Return the tensors of a Swin.

    Raises:
        ValueError: the encoder has a part that other libraries' Swins lack.
    """
    refuse_unless(
        encoder.config.options.get('mlp_norm') != 'BN', target, 'BatchNorm before the MLP'
    )
    return state_of(encoder)


def state_of(encoder: PretrainedEncoder) -> Tensors:
    """Return the encoder's tensors by this package's names."""
    tensors = {
        name: tensor.detach().cpu().clone()
        for name, tensor in encoder.backbone.state_dict().items()
    }
    norm = encoder.mean_norm.state_dict()
    return {**tensors, **{f'ln2.{name}': tensor for name, tensor in norm.items()}}


def mlp_ratio(config: EncoderConfig) -> float:
    """Return how many times wider the MLP of a ViT is than its tokens."""
    return config.arch['feedforward_channels'] / config.arch['embed_dims']


def first_is_class(tokens: Tensor) -> Tokens:
    """Split (N, 1 + L, D) into patches and class token."""
    return Tokens(tokens[:, 1:], tokens[:, 0])


def summary(encoder: PretrainedEncoder) -> dict[str, Any]:
    """Return what a library's own config file may hold about the origin of an encoder."""
    return {key: value for key, value in encoder.describe().items() if key != 'config'}
