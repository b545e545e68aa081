"""Photometric augmentation of a batch on its device, with parameters drawn for each image.

Images are (N, 3, H, W) float RGB in [0, 1], before and after each operation. Operations without
``needs_rgb`` also take images of other numbers of bands. An operation is
computed for all images, and for those that were not chosen the result is discarded. So no code
depends on values of tensors, and the GPU never has to wait for the host. The operations are those
of torchvision and PIL; the tests compare them with both.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..registry import MODELS

_LUMA = (0.299, 0.587, 0.114)


def _chosen(images: Tensor, prob: float) -> Tensor:
    """Draw which images an operation of probability ``prob`` is applied to: (N, 1, 1, 1) bool."""
    return torch.rand(len(images), 1, 1, 1, device=images.device) < prob


def _uniform(images: Tensor, low: float, high: float) -> Tensor:
    """Draw one number per image, uniform between ``low`` and ``high``: (N, 1, 1, 1)."""
    return torch.empty(len(images), 1, 1, 1, device=images.device).uniform_(low, high)


def to_gray(images: Tensor) -> Tensor:
    """Convert RGB images (N, 3, H, W) to luma (N, 1, H, W) (ITU-R 601-2); of others, the mean.

    Example:
        >>> red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
        >>> to_gray(red).flatten()
        tensor([0.2990])
    """
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    red, green, blue = images.unbind(dim=1)
    gray = _LUMA[0] * red
    gray.add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])
    return gray.unsqueeze(1)


def blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """Blend images as ``factor * images + (1 - factor) * other``, clipped to [0, 1].

    Args:
        images: (N, 3, H, W).
        other: of a shape that broadcasts to that of the images.
        factor: (N, 1, 1, 1); may be greater than 1.

    Example:
        >>> gray, black = torch.full((1, 3, 1, 1), 0.5), torch.zeros(1, 1, 1, 1)
        >>> blend(gray, black, torch.full((1, 1, 1, 1), 1.5)).flatten()  # brighter
        tensor([0.7500, 0.7500, 0.7500])
    """
    return torch.lerp(other.expand_as(images), images, factor).clamp_(0, 1)


def shift_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Shift the hue; saturation and value do not change.

    This is RGB -> HSV -> RGB in closed form: a channel is value - value * saturation *
    clip(min(k, 4 - k), 0, 1) with k = (n + 6 hue) mod 6 and n = 5, 3, 1 for R, G, B.

    Args:
        images: (N, 3, H, W).
        shift: (N, 1, 1, 1), in turns: 1 is the whole colour circle.

    Example:
        >>> red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
        >>> shift_hue(red, torch.tensor(1 / 3)).flatten()  # green
        tensor([0., 1., 0.])
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
    # torch.arange runs on the device; a copy of a list to the device would make the host wait.
    offsets = torch.arange(5, 0, -2, device=images.device).view(1, 3, 1, 1)
    k = (offsets + sextant.unsqueeze(1) + 6 * shift) % 6
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(k, 4 - k).clamp_(0, 1)


@MODELS.register_module()
class ColorJitter(nn.Module):
    """Change brightness, contrast, saturation and hue by random amounts, in random order.

    Args:
        brightness, contrast, saturation: x, where the factor is uniform in [max(0, 1 - x), 1 + x],
            as in torchvision.
        hue: the shift is uniform in [-hue, hue] turns. Images of other bands than RGB need a
            saturation and a hue of 0.
        prob: probability that an image is jittered.

    Example:
        >>> images = torch.rand(4, 3, 8, 8)
        >>> jittered = ColorJitter(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)(images)
        >>> jittered.shape, bool((jittered >= 0).all() and (jittered <= 1).all())
        (torch.Size([4, 3, 8, 8]), True)
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
        self.needs_rgb = saturation != 0 or hue != 0

    def forward(self, images: Tensor) -> Tensor:
        """Jitter a batch (N, 3, H, W) -> the same shape.

        A random order of the four operations is the same as a random order of brightness, contrast
        and saturation, and a random number of these that come before the hue. In this form the hue,
        the most expensive operation, is computed only once.
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
    """Jitter images with given parameters.

    Args:
        images: (N, 3, H, W).
        factors: (N, 3), the factors of brightness, contrast and saturation.
        order: (N, 3), the order of 0 brightness, 1 contrast and 2 saturation.
        before_hue: (N, 1, 1, 1), how many of these three come before the hue.
        hue: (N, 1, 1, 1), the shift of the hue in turns.

    Example:
        >>> gray = torch.full((1, 3, 1, 1), 0.4)
        >>> factors, order = torch.tensor([[2.0, 1.0, 1.0]]), torch.tensor([[0, 1, 2]])
        >>> zero = torch.zeros(1, 1, 1, 1)
        >>> color_jitter(gray, factors, order, before_hue=zero, hue=zero).flatten()
        tensor([0.8000, 0.8000, 0.8000])
    """
    columns = (factors.gather(1, order), order == 1, order == 2)
    blends = list(
        zip(*(column[..., None, None, None].unbind(1) for column in columns), strict=True)
    )
    for place, (factor, contrast, saturation) in enumerate(blends):
        images = _blend_some(images, factor, contrast, saturation, place < before_hue)
    if images.shape[1] == 3:
        images = shift_hue(images, hue)
    for place, (factor, contrast, saturation) in enumerate(blends):
        images = _blend_some(images, factor, contrast, saturation, place >= before_hue)
    return images


def _blend_some(
    images: Tensor, factor: Tensor, contrast: Tensor, saturation: Tensor, active: Tensor
) -> Tensor:
    """Change the contrast, the saturation or else the brightness of the ``active`` images.

    All parameters are (N, 1, 1, 1).
    """
    gray = to_gray(images)
    # Brightness blends with black, contrast with the mean luma, saturation with the luma.
    other = torch.where(saturation, gray, gray.mean(dim=(2, 3), keepdim=True) * contrast)
    return blend(images, other, torch.where(active, factor, 1))


@MODELS.register_module()
class Grayscale(nn.Module):
    """Convert a random part of the images to gray, with three equal channels.

    Args:
        prob: probability that an image is converted.

    Example:
        >>> red, green, blue = Grayscale(prob=1.0)(torch.rand(2, 3, 8, 8)).unbind(dim=1)
        >>> bool((red == green).all() and (green == blue).all())
        True
    """

    def __init__(self, prob: float) -> None:
        super().__init__()
        self.prob = prob
        self.needs_rgb = True

    def forward(self, images: Tensor) -> Tensor:
        """Convert (N, 3, H, W) images to the same shape."""
        return torch.where(_chosen(images, self.prob), to_gray(images), images)


@MODELS.register_module()
class GaussianBlur(nn.Module):
    """Blur a random part of the images with a Gaussian of random width, as PIL does.

    Args:
        prob: probability that an image is blurred.
        sigma: smallest and largest standard deviation (PIL's ``radius``) in pixels; it is drawn
            uniformly between them.

    Example:
        >>> GaussianBlur(prob=1.0)(torch.full((2, 3, 8, 8), 0.5)).allclose(torch.tensor(0.5))
        True
    """

    def __init__(self, prob: float, sigma: tuple[float, float] = (0.1, 2.0)) -> None:
        super().__init__()
        self.prob = prob
        self.sigma = sigma

    def forward(self, images: Tensor) -> Tensor:
        """Blur (N, 3, H, W) images; the shape stays the same."""
        sigma = _uniform(images, *self.sigma)
        return torch.where(_chosen(images, self.prob), gaussian_blur(images, sigma), images)


def gaussian_blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur images with given standard deviations.

    As in PIL, the Gaussian is approximated by three extended box filters whose total variance is
    the same (Gwosdek et al., "Theoretical foundations of Gaussian convolution by extended box
    filtering", 2011). Each direction is one matrix product. Outside the image, the pixels of the
    border are repeated.

    Args:
        images: (N, 3, H, W).
        sigma: (N, 1, 1, 1), in pixels.

    Example:
        >>> dot = torch.zeros(1, 3, 9, 9)
        >>> dot[..., 4, 4] = 1
        >>> blurred = gaussian_blur(dot, torch.ones(1, 1, 1, 1))
        >>> round(blurred[0, 0].sum().item(), 4)  # the brightness is kept
        1.0
    """
    height, width = images.shape[-2:]
    radius = _box_radius(sigma)
    rows = torch.linalg.matrix_power(_box_matrix(height, radius), 3)
    columns = torch.linalg.matrix_power(_box_matrix(width, radius), 3)
    return rows @ images @ columns.transpose(-1, -2)


def _box_radius(sigma: Tensor) -> Tensor:
    """Half-width (whole pixels and a fraction) of a box; three such boxes make a Gaussian."""
    variance = sigma**2 / 3
    whole = ((12 * variance + 1).sqrt() - 1).div(2).floor()
    fraction = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    return whole + fraction / (6 * (variance - (whole + 1) ** 2))


def _box_matrix(size: int, radius: Tensor) -> Tensor:
    """Matrix of the box filter (N, 1, size, size): row i has the weights of all pixels in pixel i.

    Before normalisation, pixels up to the whole part of the radius have the weight 1, and the next
    one has the fraction. So the sum of the weights up to pixel j is
    clip(j - i + radius + 1, 0, 2 radius + 1). Weights outside the image are added to the pixel at
    the border.
    """
    last = torch.arange(-1, size, device=radius.device, dtype=radius.dtype)
    last[0], last[-1] = -math.inf, math.inf
    pixel = torch.arange(size, device=radius.device)[:, None]
    total = 2 * radius + 1
    return ((last - pixel + radius + 1).clamp_min(0).minimum(total) / total).diff(dim=-1)


@MODELS.register_module()
class Solarize(nn.Module):
    """Invert all channel values at or above a threshold, in a random part of the images.

    Args:
        prob: probability that an image is solarized.
        threshold: on the scale of 0 to 255; PIL's default is 128.

    Example:
        >>> values = torch.tensor([0.25, 0.75, 1.0]).view(1, 3, 1, 1)
        >>> Solarize(prob=1.0)(values).flatten()
        tensor([0.2500, 0.2500, 0.0000])
    """

    def __init__(self, prob: float, threshold: float = 128) -> None:
        super().__init__()
        self.prob = prob
        self.threshold = threshold

    def forward(self, images: Tensor) -> Tensor:
        """Solarize (N, 3, H, W) images; the shape stays the same."""
        # Half a level below the threshold, because PIL compares values rounded to whole levels.
        bright = images >= (self.threshold - 0.5) / 255
        return torch.where(_chosen(images, self.prob) & bright, 1 - images, images)
