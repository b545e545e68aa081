"""The photometric operations against torchvision's and PIL's, and the law of their draws."""

import colorsys
import itertools

import numpy as np
import pytest
import skimage.data
import torch
import torchvision.transforms.v2.functional as tv
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from scipy import stats
from torch.testing import assert_close

from mcl_plugins.preprocessors import ColorJitter, GaussianBlur, Grayscale, Solarize, photometric
from mcl_plugins.preprocessors.photometric import color_jitter, gaussian_blur, shift_hue, to_gray

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
TORCHVISION = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
PIL_ENHANCE = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
STRONG = [
    ColorJitter(0.4, 0.4, 0.2, 0.1, prob=0.8),
    Grayscale(0.2),
    GaussianBlur(0.1),
    Solarize(0.2),
]
NAMES = [type(operation).__name__ for operation in STRONG]


@pytest.fixture(scope='module')
def levels():
    """(3, 3, 72, 96) uint8 RGB: faces, fur and a table, with dark, bright and coloured parts."""
    crops = [
        skimage.data.astronaut()[40:112, 180:276],
        skimage.data.chelsea()[90:162, 120:216],
        skimage.data.coffee()[100:172, 200:296],
    ]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture
def photographs(levels):
    return levels.float() / 255


def per_image(*values):
    """(N, 1, 1, 1), as the operations take their parameters."""
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1)


def jitter(images, parameters, orders):
    """Call color_jitter with torchvision's way to say it.

    Args:
        images: (N, 3, H, W).
        parameters: (N, 4) of brightness, contrast, saturation and hue.
        orders: for each image a permutation of the four.
    """
    parameters = torch.as_tensor(parameters, dtype=torch.float32)
    blends = [[operation for operation in order if operation != HUE] for order in orders]
    return color_jitter(
        images,
        factors=parameters[:, :3],
        order=torch.tensor(blends),
        before_hue=torch.tensor([order.index(HUE) for order in orders]).view(-1, 1, 1, 1),
        hue=parameters[:, 3].view(-1, 1, 1, 1),
    )


def jitter_by_torchvision(images, parameters, orders):
    """The same by torchvision's functions, an image and an operation at a time."""
    outputs = []
    for image, values, order in zip(images, parameters, orders, strict=True):
        output = image
        for operation in order:
            output = TORCHVISION[operation](output, float(values[operation]))
        outputs.append(output)
    return torch.stack(outputs)


def one_operation(operation, values):
    """Parameters (N, 4) of which only ``operation``'s do something."""
    parameters = torch.tensor([1.0, 1.0, 1.0, 0.0]).repeat(len(values), 1)
    parameters[:, operation] = torch.tensor(values)
    return parameters


@pytest.fixture
def torchvision_luma(monkeypatch):
    """Take out the one known difference: torchvision's red weight is 0.2989, PIL's 0.299."""
    monkeypatch.setattr(photometric, '_LUMA', (0.2989, 0.587, 0.114))


@pytest.mark.usefixtures('torchvision_luma')
@pytest.mark.parametrize(
    ('operation', 'values'),
    [
        (BRIGHTNESS, (0.0, 0.6, 1.4)),
        (BRIGHTNESS, (1.0, 0.93, 2.5)),
        (CONTRAST, (0.0, 0.6, 1.4)),
        (CONTRAST, (1.0, 0.93, 2.5)),
        (SATURATION, (0.0, 0.8, 1.2)),
        (SATURATION, (1.0, 0.93, 2.5)),
        (HUE, (-0.1, 0.0, 0.1)),
        (HUE, (-0.5, 0.037, 0.5)),
    ],
)
def test_one_operation_equals_torchvision_with_a_factor_per_image(photographs, operation, values):
    parameters = one_operation(operation, values)
    orders = [(0, 1, 2, 3)] * 3
    assert_close(
        jitter(photographs, parameters, orders),
        jitter_by_torchvision(photographs, parameters, orders),
        atol=3e-6,
        rtol=0,
    )


@pytest.mark.usefixtures('torchvision_luma')
def test_all_orders_in_one_batch_equal_torchvision(photographs):
    orders = list(itertools.permutations(range(4)))
    images = photographs[:, :, ::2, ::2].repeat(8, 1, 1, 1)
    low, high = torch.tensor([0.6, 0.6, 0.8, -0.1]), torch.tensor([1.4, 1.4, 1.2, 0.1])
    generator = torch.Generator().manual_seed(0)
    parameters = low + (high - low) * torch.rand(24, 4, generator=generator)
    ours = jitter(images, parameters, orders)
    assert_close(ours, jitter_by_torchvision(images, parameters, orders), atol=1e-5, rtol=0)


def test_order_matters_so_that_the_test_above_can_fail(photographs):
    parameters = torch.tensor([[1.4, 0.6, 1.2, 0.1]]).repeat(3, 1)
    first = jitter(photographs, parameters, [(0, 1, 2, 3)] * 3)
    for order in [(1, 0, 2, 3), (0, 3, 1, 2), (3, 0, 1, 2)]:
        assert (jitter(photographs, parameters, [order] * 3) - first).abs().max() > 0.01


def test_luma_weights_are_the_only_difference_to_torchvision(photographs):
    # 1e-4 of red a luma, so a twentieth of a grey level over a whole jitter.
    orders = [(0, 1, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1)]
    parameters = torch.tensor([[1.4, 0.6, 1.2, 0.1], [0.6, 1.4, 0.8, -0.1], [1.1, 1.3, 1.2, 0.05]])
    ours = jitter(photographs, parameters, orders)
    theirs = jitter_by_torchvision(photographs, parameters, orders)
    assert_close(ours, theirs, atol=2e-4, rtol=0)


def test_neutral_factors_leave_the_images_as_they_are(photographs):
    parameters = torch.tensor([[1.0, 1.0, 1.0, 0.0]]).repeat(3, 1)
    ours = jitter(photographs, parameters, [(0, 1, 2, 3)] * 3)
    assert_close(ours, photographs, atol=5e-7, rtol=0)  # the rounding of RGB -> HSV -> RGB


def test_hue_of_pure_colours():
    """A third of a turn takes red to green, and gray has no hue."""
    red, green, blue = torch.eye(3).view(3, 1, 3, 1, 1)
    gray = torch.full_like(red, 0.5)
    images, third = torch.cat([red, green, blue, gray]), torch.full((4, 1, 1, 1), 1 / 3)
    assert_close(shift_hue(images, third), torch.cat([green, blue, red, gray]), atol=1e-6, rtol=0)


def by_pil(levels, operation):
    """Apply ``operation(image, index)`` to each as a PIL image; grey levels as float."""
    outputs = []
    for index, image in enumerate(levels):
        output = operation(Image.fromarray(image.permute(1, 2, 0).numpy()), index)
        outputs.append(torch.from_numpy(np.array(output)).permute(2, 0, 1))
    return torch.stack(outputs).float()


@pytest.mark.parametrize('values', [(0.6, 1.0, 1.4), (0.8, 0.93, 1.2), (0.0, 0.5, 2.0)])
@pytest.mark.parametrize('operation', [BRIGHTNESS, CONTRAST, SATURATION])
def test_blends_equal_pil_within_its_rounding(levels, photographs, operation, values):
    theirs = by_pil(levels, lambda image, i: PIL_ENHANCE[operation](image).enhance(values[i]))
    ours = 255 * jitter(photographs, one_operation(operation, values), [(0, 1, 2, 3)] * 3)
    # In grey levels: PIL cuts the result's fraction off (below 1). The image it blends with is
    # rounded by up to 0.5 (luma), for the contrast by that and once more by 0.5 (its mean).
    rounded = {BRIGHTNESS: 0.0, CONTRAST: 1.0, SATURATION: 0.5}[operation]
    for image, factor in enumerate(values):
        tolerance = 1 + rounded * abs(1 - factor) + 1e-3
        assert_close(ours[image], theirs[image], atol=tolerance, rtol=0)


def test_grayscale_equals_pil_within_its_rounding(levels, photographs):
    theirs = by_pil(levels, lambda image, _: image.convert('L').convert('RGB'))
    # Half a grey level: PIL rounds the luma to nearest.
    assert_close(255 * Grayscale(1.0)(photographs), theirs, atol=0.501, rtol=0)


@pytest.mark.parametrize('sigmas', [(0.1, 0.5, 1.0), (2.0, 0.1, 0.5), (1.0, 2.0, 1.37), (8, 3, 30)])
def test_blur_equals_pil_within_its_rounding(levels, photographs, sigmas):
    theirs = by_pil(levels, lambda image, i: image.filter(ImageFilter.GaussianBlur(sigmas[i])))
    ours = 255 * gaussian_blur(photographs, per_image(*sigmas))
    # PIL rounds after each of its six passes, by up to half a grey level each.
    assert_close(ours, theirs, atol=3.0, rtol=0)
    assert (ours - theirs).abs().mean() < 0.7


@pytest.mark.parametrize('sigma', [0.1, 0.7, 1.37, 2.3, 5.1])
def test_blur_with_pil_rounding_is_pil_blur(levels, sigma):
    """The same filter passes with each result rounded give PIL's image bit for bit."""
    images = levels.double()
    radius = photometric._box_radius(per_image(sigma).double())
    rows, columns = (photometric._box_matrix(size, radius) for size in images.shape[-2:])
    for _ in range(3):
        images = (images @ columns.mT).round()
    for _ in range(3):
        images = (rows @ images).round()
    theirs = by_pil(levels, lambda image, _: image.filter(ImageFilter.GaussianBlur(sigma)))
    # PIL computes in fixed point: a sum next to a half may go to the other side (few here).
    assert (images != theirs).double().mean() < 1e-3


@pytest.mark.parametrize('threshold', [0, 1, 100, 128, 255, 256])
def test_solarize_equals_pil(levels, photographs, threshold):
    theirs = by_pil(levels, lambda image, _: ImageOps.solarize(image, threshold))
    # Whole grey levels have nothing to round; the tolerance is that of float32.
    assert_close(255 * Solarize(1.0, threshold)(photographs), theirs, atol=1e-4, rtol=0)


def test_solarize_decides_as_if_rounded_to_grey_levels():
    images = torch.tensor([127.4, 127.6]).view(1, 1, 1, 2).expand(1, 3, 1, 2) / 255
    wanted = torch.tensor([127.4, 255 - 127.6]).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    assert_close(255 * Solarize(1.0)(images), wanted, atol=1e-4, rtol=0)


def test_strong_branch_equals_pil_without_hue(levels, photographs):
    """Jitter, gray and blur one after another: their roundings add up."""
    parameters = torch.tensor([[1.3, 0.8, 1.2, 0], [0.7, 1.2, 0.9, 0], [1.1, 0.7, 0.8, 0]])
    orders, sigmas = [(0, 1, 2, 3), (2, 1, 3, 0), (3, 1, 0, 2)], (0.5, 1.0, 2.0)

    def pil_branch(image, index):
        for operation in orders[index]:
            if operation != HUE:
                factor = float(parameters[index, operation])
                image = PIL_ENHANCE[operation](image).enhance(factor)
        return image.convert('L').convert('RGB').filter(ImageFilter.GaussianBlur(sigmas[index]))

    gray = Grayscale(1.0)(jitter(photographs, parameters, orders))
    ours = 255 * gaussian_blur(gray, per_image(*sigmas))
    # Each of three blends up to 1.3 and carried on by factors up to 1.3, luma 0.5, blur 3.
    assert_close(ours, by_pil(levels, pil_branch), atol=3 * 1.3 * 1.3 + 3.5, rtol=0)


@pytest.mark.parametrize('sigma', [0.1, 0.5, 1.0, 1.5, 2.0])
def test_blur_of_a_point_has_the_wanted_variance_and_keeps_its_sum(sigma):
    point = torch.zeros(1, 3, 33, 33)
    point[..., 16, 16] = 1
    blurred = gaussian_blur(point, per_image(sigma)).double()
    distance = torch.arange(33).double() - 16
    assert blurred.sum(dim=(2, 3)).sub(1).abs().max() < 1e-6
    for axis in (2, 3):
        variance = (blurred.sum(dim=axis) * distance**2).sum(dim=-1)
        assert_close(variance, torch.full_like(variance, sigma**2), atol=0, rtol=1e-4)
    assert_close(blurred, blurred.flip(2, 3), atol=5e-7, rtol=0)


def test_blur_keeps_a_constant_image_up_to_its_border():
    images = torch.full((2, 3, 12, 20), 0.7)
    assert_close(gaussian_blur(images, per_image(0.4, 6.0)), images, atol=1e-6, rtol=0)


# --- the law of the draws ---


def tiny_images(number):
    """Images of which every operation changes every one."""
    return torch.rand(number, 3, 5, 5, generator=torch.Generator().manual_seed(1))


def is_uniform(values, low, high):
    """Kolmogorov-Smirnov at a level of 0.1 %."""
    return stats.kstest(np.asarray(values), 'uniform', args=(low, high - low)).pvalue > 1e-3


@pytest.mark.parametrize('operation', STRONG, ids=NAMES)
@pytest.mark.parametrize('prob', [0.0, 0.1, 0.5, 0.8, 1.0])
def test_share_of_the_images_that_an_operation_touches(operation, prob, monkeypatch):
    monkeypatch.setattr(operation, 'prob', prob)
    images = tiny_images(2000)
    torch.manual_seed(0)
    outputs = operation(images)
    touched = (outputs != images).flatten(1).any(dim=1)
    low, high = stats.binom.interval(0.999, 2000, prob)
    if prob in (0, 1):
        low = high = 2000 * prob
    assert low <= touched.sum() <= high
    assert torch.equal(outputs[~touched], images[~touched])


@pytest.mark.parametrize('operation', STRONG, ids=NAMES)
def test_draws_are_fresh_and_follow_the_seed(operation, monkeypatch):
    monkeypatch.setattr(operation, 'prob', 0.5)
    images = tiny_images(64)
    original = images.clone()
    torch.manual_seed(0)
    first, second = operation(images), operation(images)
    torch.manual_seed(0)
    assert torch.equal(operation(images), first)
    assert not torch.equal(first, second)
    assert torch.equal(images, original), 'another view starts from the same images'


def test_brightness_factor_is_uniform():
    torch.manual_seed(0)
    outputs = ColorJitter(0.4, 0, 0, 0)(torch.full((4000, 3, 1, 1), 0.5))
    assert is_uniform(outputs[:, 0, 0, 0] / 0.5, 0.6, 1.4)


def test_contrast_factor_is_uniform():
    """Contrast scales the difference of two grays."""
    torch.manual_seed(0)
    images = torch.tensor([0.4, 0.6]).expand(4000, 3, 1, 2)
    outputs = ColorJitter(0, 0.4, 0, 0)(images)
    assert is_uniform((outputs[:, 0, 0, 1] - outputs[:, 0, 0, 0]) / 0.2, 0.6, 1.4)


def test_saturation_factor_is_uniform():
    """Saturation scales the distance of the channels from their luma."""
    torch.manual_seed(0)
    images = torch.tensor([0.6, 0.5, 0.4]).view(1, 3, 1, 1).expand(4000, 3, 1, 1)
    outputs = ColorJitter(0, 0, 0.2, 0)(images)
    assert is_uniform((outputs[:, 0] - outputs[:, 2]).flatten() / 0.2, 0.8, 1.2)


def test_hue_shift_is_uniform():
    torch.manual_seed(0)
    images = torch.tensor([0.3, 0.6, 0.4]).view(1, 3, 1, 1).expand(2000, 3, 1, 1)
    outputs = ColorJitter(0, 0, 0, 0.1)(images).flatten(1).tolist()
    before = colorsys.rgb_to_hsv(0.3, 0.6, 0.4)[0]
    assert is_uniform([colorsys.rgb_to_hsv(*rgb)[0] - before for rgb in outputs], -0.1, 0.1)


def test_factor_of_a_large_strength_starts_at_zero():
    torch.manual_seed(0)
    outputs = ColorJitter(1.5, 0, 0, 0)(torch.full((4000, 3, 1, 1), 0.25))
    assert is_uniform(outputs[:, 0, 0, 0] / 0.25, 0.0, 2.5)


def test_blur_width_is_uniform():
    """Recovered from the variance of a blurred point."""
    torch.manual_seed(0)
    points = torch.zeros(1000, 3, 25, 25)
    points[..., 12, 12] = 1
    profile = GaussianBlur(1.0, (0.1, 2.0))(points)[:, 0].sum(dim=1).double()
    variance = (profile * (torch.arange(25) - 12) ** 2).sum(dim=1)
    assert is_uniform(variance.sqrt(), 0.1, 2.0)


@pytest.fixture
def recorded_jitter(monkeypatch):
    """The parameters that ColorJitter draws for 24,000 images."""
    calls = []

    def record(images, *parameters):
        calls.append(parameters)
        return images

    monkeypatch.setattr(photometric, 'color_jitter', record)
    torch.manual_seed(0)
    ColorJitter(0.4, 0.4, 0.2, 0.1)(torch.zeros(24_000, 3, 1, 1))
    return calls[0]


def test_the_24_orders_are_equally_likely(recorded_jitter):
    _, orders, before_hue, _ = recorded_jitter
    counts = dict.fromkeys(itertools.permutations(range(4)), 0)
    for order, place in zip(orders.tolist(), before_hue.flatten().tolist(), strict=True):
        counts[(*order[:place], HUE, *order[place:])] += 1
    assert len(counts) == 24, 'only permutations were drawn'
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_parameters_of_an_image_are_independent(recorded_jitter):
    factors, orders, before_hue, hue = recorded_jitter
    draws = [*factors.T, *orders.T[:2].double(), before_hue.flatten().double(), hue.flatten()]
    correlation = np.corrcoef(np.stack([np.asarray(draw) for draw in draws]))
    # Two places of one permutation of three exclude each other: correlation -1/2.
    assert correlation[3, 4] == pytest.approx(-0.5, abs=0.03)
    correlation[3, 4] = correlation[4, 3] = 0
    # 4.5 standard deviations of a correlation over 24,000 draws.
    assert np.abs(correlation - np.eye(len(draws))).max() < 4.5 / 24_000**0.5


@pytest.mark.parametrize('operation', [ColorJitter(0.4, 0.4, 0.2, 0.1), GaussianBlur(1.0)])
def test_every_image_of_a_batch_has_its_own_parameters(operation):
    torch.manual_seed(0)
    images = tiny_images(1).expand(64, -1, -1, -1)
    assert len(operation(images).flatten(1).unique(dim=0)) == 64


def test_operations_choose_their_images_independently(monkeypatch):
    """A view of all four leaves alone the share that the product of the probabilities says."""
    images = tiny_images(4000)
    torch.manual_seed(0)
    outputs = torch.nn.Sequential(*STRONG)(images)
    untouched = (outputs == images).flatten(1).all(dim=1).sum()
    low, high = stats.binom.interval(0.999, 4000, 0.2 * 0.8 * 0.9 * 0.8)
    assert low <= untouched <= high


def test_range_of_the_outputs_and_equal_gray_channels(photographs):
    torch.manual_seed(0)
    extremes = torch.stack([torch.zeros(3, 72, 96), torch.ones(3, 72, 96)])
    images = torch.cat([photographs.repeat(10, 1, 1, 1), extremes])[:, :, ::2, ::2]
    for strength in (0.4, 1.0):
        view = [ColorJitter(strength, strength, strength, 0.5), GaussianBlur(1.0), Solarize(0.5)]
        outputs = torch.nn.Sequential(*view)(images)
        # The weights of the blur sum to 1 up to the rounding of float32.
        assert outputs.min() >= -1e-6
        assert outputs.max() <= 1 + 1e-6
    gray = Grayscale(1.0)(images)
    assert gray.shape == images.shape
    assert torch.equal(gray, to_gray(images).expand_as(gray))


@pytest.mark.parametrize('operation', STRONG, ids=NAMES)
def test_nothing_depends_on_a_value_on_the_host(operation):
    """Tensors of the meta device have no values, so reading one would raise."""
    assert operation(torch.empty(2, 3, 16, 16, device='meta')).shape == (2, 3, 16, 16)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('operation', STRONG, ids=NAMES)
def test_a_gpu_never_waits_for_the_host(operation):
    images = torch.rand(2, 3, 16, 16, device='cuda')
    operation(images)
    torch.cuda.set_sync_debug_mode('error')
    try:
        operation(images)
    finally:
        torch.cuda.set_sync_debug_mode('default')
