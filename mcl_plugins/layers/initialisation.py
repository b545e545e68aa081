"""Weight initialisation of BEiT, Swin, MAE and MoCo v3."""

from torch import nn


def trunc_normal_layers(module: nn.Module, std: float) -> None:
    """Initialise every linear and convolution layer as BEiT and ConMIM do.

    Weights are drawn from a normal distribution with standard deviation ``std``, truncated at
    +-``std`` (the libraries' default is two standard deviations or more). Biases are zero.

    Args:
        module: its linear and convolution layers are changed in place.
        std: standard deviation before the truncation.

    Example:
        >>> layer = nn.Linear(8, 8)
        >>> trunc_normal_layers(layer, std=0.02)
        >>> bool(layer.weight.abs().max() <= 0.02), bool(layer.bias.any())
        (True, False)
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.trunc_normal_(layer.weight, std=std, a=-std, b=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def normal_layers(module: nn.Module, std: float) -> None:
    """Initialise every linear layer as timm and Swin do: normal weights, zero biases.

    The normal distribution is truncated at +-2, which has no effect for the usual ``std`` of 0.02.

    Args:
        module: its linear layers are changed in place.
        std: standard deviation of the weights.

    Example:
        >>> layer = nn.Linear(8, 8)
        >>> normal_layers(layer, std=0.02)
        >>> bool(layer.bias.any())
        False
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def xavier_layers(module: nn.Module) -> None:
    """Initialise every linear layer as MAE does: Xavier uniform weights, zero biases.

    Example:
        >>> layer = nn.Linear(8, 16)
        >>> xavier_layers(layer)
        >>> bool(layer.weight.abs().max() <= (6 / (8 + 16)) ** 0.5)
        True
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def xavier_queries_keys_values(layer: nn.Linear) -> None:
    """Initialise a joint query-key-value projection as three Xavier layers (MoCo v3).

    Example:
        >>> layer = nn.Linear(8, 3 * 8)
        >>> xavier_queries_keys_values(layer)
        >>> bool(layer.weight.abs().max() <= (6 / (8 + 8)) ** 0.5)
        True
    """
    for weight in layer.weight.data.chunk(3):
        nn.init.xavier_uniform_(weight)


def fix_parameter(module: nn.Module, name: str) -> None:
    """Turn a parameter into a buffer: it is no longer trained, but keeps its name in checkpoints.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> fix_parameter(layer, 'bias')
        >>> [name for name, _ in layer.named_parameters()]
        ['weight']
    """
    values = getattr(module, name).data
    delattr(module, name)
    module.register_buffer(name, values)
