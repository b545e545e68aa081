"""Photometric augmentation of a batch on its device, with parameters drawn per image.

Images are (N, 3, H, W) float RGB in [0, 1] and stay so. Nothing depends on a value on the host:
what an image does not undergo is computed and left out, so a GPU never waits. The operations are
those of torchvision and PIL; the tests hold them against both.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..registry import MODELS

_LUMA = (0.299, 0.587, 0.114)


def _chosen(images: Tensor, prob: float) -> Tensor:
    """(N, 1, 1, 1) bool: which images undergo an operation of probability ``prob``."""
    return torch.rand(len(images), 1, 1, 1, device=images.device) < prob


def _uniform(images: Tensor, low: float, high: float) -> Tensor:
    """(N, 1, 1, 1) numbers, uniform between ``low`` and ``high``."""
    return torch.empty(len(images), 1, 1, 1, device=images.device).uniform_(low, high)


def to_gray(images: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W) luma (ITU-R 601-2)."""
    red, green, blue = images.unbind(dim=1)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).unsqueeze(1)


def blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """``factor`` of the images and ``1 - factor`` of the other, clipped to [0, 1]."""
    return torch.lerp(other.expand_as(images), images, factor).clamp_(0, 1)


def shift_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Rotate the hue by ``shift`` turns (N, 1, 1, 1), saturation and value unchanged.

    RGB -> HSV -> RGB in closed form: a channel is value - value * saturation *
    clip(min(k, 4 - k), 0, 1) with k = (n + 6 hue) mod 6 and n = 5, 3, 1 for R, G, B.
    """
    red, green, blue = images.unbind(dim=1)
    value, low = images.amax(dim=1), images.amin(dim=1)
    chroma = value - low
    scale = torch.where(chroma > 0, chroma, 1).reciprocal()
    sextant = torch.where(
        value == red,
        (green - blue) * scale,
        torch.where(value == green, (blue - red) * scale + 2, (red - green) * scale + 4),
    )
    # Made on the device: a list would be copied to it, and the host would wait for that.
    offsets = torch.arange(5, 0, -2, device=images.device).view(1, 3, 1, 1)
    k = (offsets + sextant.unsqueeze(1) + 6 * shift) % 6
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(k, 4 - k).clamp_(0, 1)


@MODELS.register_module()
class ColorJitter(nn.Module):
    """Random brightness, contrast, saturation and hue in random order (torchvision's).

    Args:
        brightness, contrast, saturation: the factor is uniform in [max(0, 1 - x), 1 + x].
        hue: the shift is uniform in [-hue, hue] turns.
        prob: share of the images that is jittered at all.
    """

    def __init__(
        self,
        brightness: float,
        contrast: float,
        saturation: float,
        hue: float,
        prob: float = 1.0,
    ) -> None:
        super().__init__()
        self.strengths = (brightness, contrast, saturation)
        self.hue = hue
        self.prob = prob

    def forward(self, images: Tensor) -> Tensor:
        """Jitter a batch.

        A random order of four operations is a random order of the three blends and a random
        number of them before the hue. So the hue, which costs most, is computed once.
        """
        batch, device = len(images), images.device
        factors = torch.cat([_uniform(images, max(0, 1 - s), 1 + s) for s in self.strengths], dim=1)
        order = torch.rand(batch, 3, device=device).argsort(dim=1)
        before_hue = torch.randint(4, (batch, 1, 1, 1), device=device)
        hue = _uniform(images, -self.hue, self.hue)
        jittered = color_jitter(images, factors[..., 0, 0], order, before_hue, hue)
        return torch.where(_chosen(images, self.prob), jittered, images)


def color_jitter(
    images: Tensor, factors: Tensor, order: Tensor, before_hue: Tensor, hue: Tensor
) -> Tensor:
    """Jitter with given parameters.

    Args:
        images: (N, 3, H, W).
        factors: (N, 3) of brightness, contrast and saturation.
        order: (N, 3), a permutation of 0 brightness, 1 contrast, 2 saturation.
        before_hue: (N, 1, 1, 1), how many of these come before the hue.
        hue: (N, 1, 1, 1) turns.
    """
    for place in range(3):
        images = _nth_blend(images, factors, order, place, place < before_hue)
    images = shift_hue(images, hue)
    for place in range(3):
        images = _nth_blend(images, factors, order, place, place >= before_hue)
    return images


def _nth_blend(
    images: Tensor, factors: Tensor, order: Tensor, place: int, active: Tensor
) -> Tensor:
    """The blend at ``place`` of each image's order, where it is ``active``."""
    which = order[:, place].view(-1, 1, 1, 1)
    factor = factors.gather(1, order[:, place, None]).view(-1, 1, 1, 1)
    gray = to_gray(images)
    # Brightness blends with black, contrast with the mean luma, saturation with the luma.
    other = torch.where(which == 2, gray, gray.mean(dim=(2, 3), keepdim=True) * (which == 1))
    return blend(images, other, torch.where(active, factor, 1))


@MODELS.register_module()
class Grayscale(nn.Module):
    """Turn a share ``prob`` of the images into gray ones of three equal channels."""

    def __init__(self, prob: float) -> None:
        super().__init__()
        self.prob = prob

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> the same shape."""
        return torch.where(_chosen(images, self.prob), to_gray(images), images)


@MODELS.register_module()
class GaussianBlur(nn.Module):
    """Blur a share of the images with a Gaussian of random width, as PIL does.

    Args:
        prob: share of the images that is blurred.
        sigma: lowest and highest standard deviation (PIL's radius), in pixels; uniform between.
    """

    def __init__(self, prob: float, sigma: tuple[float, float] = (0.1, 2.0)) -> None:
        super().__init__()
        self.prob = prob
        self.sigma = sigma

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> the same shape."""
        sigma = _uniform(images, *self.sigma)
        return torch.where(_chosen(images, self.prob), gaussian_blur(images, sigma), images)


def gaussian_blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur with deviations (N, 1, 1, 1), as one matrix product a direction; borders extended.

    Like PIL's, the Gaussian is three extended box filters of together the same variance (Gwosdek
    et al., "Theoretical foundations of Gaussian convolution by extended box filtering", 2011).
    """
    height, width = images.shape[-2:]
    radius = _box_radius(sigma)
    rows = torch.linalg.matrix_power(_box_matrix(height, radius), 3)
    columns = torch.linalg.matrix_power(_box_matrix(width, radius), 3)
    return rows @ images @ columns.transpose(-1, -2)


def _box_radius(sigma: Tensor, passes: int = 3) -> Tensor:
    """Half-width, whole pixels and a fraction, of the box whose ``passes`` make a Gaussian."""
    variance = sigma**2 / passes
    whole = ((12 * variance + 1).sqrt() - 1).div(2).floor()
    fraction = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    return whole + fraction / (6 * (variance - (whole + 1) ** 2))


def _box_matrix(size: int, radius: Tensor) -> Tensor:
    """(N, 1, size, size): row i holds the weights of the pixels that make up pixel i.

    Weights are 1 up to the whole radius and its fraction one pixel further, so their sum up to
    pixel j is clip(j - i + radius + 1, 0, 2 radius + 1). What lies beyond the image counts for
    the border pixel.
    """
    last = torch.arange(-1, size, device=radius.device, dtype=radius.dtype)
    last[0], last[-1] = -math.inf, math.inf
    pixel = torch.arange(size, device=radius.device)[:, None]
    total = 2 * radius + 1
    return ((last - pixel + radius + 1).clamp_min(0).minimum(total) / total).diff(dim=-1)


@MODELS.register_module()
class Solarize(nn.Module):
    """Invert the channel values at or above ``threshold`` in a share ``prob`` of the images.

    Args:
        prob: share of the images that is solarized.
        threshold: on the scale of 0 to 255; PIL's default is 128.
    """

    def __init__(self, prob: float, threshold: float = 128) -> None:
        super().__init__()
        self.prob = prob
        self.threshold = threshold

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> the same shape."""
        # Half a level below the threshold: PIL would have rounded to whole levels before.
        bright = images >= (self.threshold - 0.5) / 255
        return torch.where(_chosen(images, self.prob) & bright, 1 - images, images)
