"""Weight initialisation that the methods share."""

from torch import nn


def trunc_normal_layers(module: nn.Module, std: float) -> None:
    """Fill every linear and convolution layer as BEiT and ConMIM do.

    Weights come from a normal of deviation ``std`` truncated at +-``std`` (not at two standard
    deviations or more, as libraries default to); biases are zero.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.trunc_normal_(layer.weight, std=std, a=-std, b=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def normal_layers(module: nn.Module, std: float) -> None:
    """Fill every linear layer as timm and Swin do: weights from a normal, zero biases.

    Their normal is truncated at +-2, which cuts off nothing for the usual ``std`` of 0.02.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def xavier_layers(module: nn.Module) -> None:
    """Fill every linear layer as MAE does: Xavier uniform weights, zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def xavier_queries_keys_values(layer: nn.Linear) -> None:
    """Fill the weights of a joint projection as those of three layers, as MoCo v3 does."""
    for weight in layer.weight.data.chunk(3):
        nn.init.xavier_uniform_(weight)


def fix_parameter(module: nn.Module, name: str) -> None:
    """Turn a parameter into a buffer, which has the same name in checkpoints and is not trained.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> fix_parameter(layer, 'bias')
        >>> [name for name, _ in layer.named_parameters()]
        ['weight']
    """
    values = getattr(module, name).data
    delattr(module, name)
    module.register_buffer(name, values)
