"""Crops have torchvision's distribution and Pillow's pixels, and images are decoded only once."""

import io

import numpy as np
import pytest
import skimage.data
import tifffile
import torch
from mmpretrain.datasets.transforms import RandomResizedCrop
from PIL import Image
from scipy.stats import ks_2samp
from torchvision import transforms
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.v2.functional import resized_crop

from mcl_plugins.engine.draws import seed_generators
from mcl_plugins.transforms import LoadRandomResizedCrop
from mcl_plugins.transforms.crop_box import Box, CropRange, choose_reduction, reduce_box
from mcl_plugins.transforms.resize import resize
from mcl_plugins.utils.decoding import ImageDecoder
from mcl_plugins.utils.image_errors import UnreadableImageError

PHOTOGRAPHS = [
    getattr(skimage.data, name)() for name in ('astronaut', 'chelsea', 'coffee', 'rocket')
]
PILLOW = {'bilinear': Image.Resampling.BILINEAR, 'bicubic': Image.Resampling.BICUBIC}
SIZES = [(375, 500), (500, 333), (40, 400), (400, 40), (1, 9), (224, 224)]


def large(height=1200, width=1600):
    """A photograph with as much detail as a camera's: a mosaic, which is not enlarged."""
    tiles = [photograph[:300, :400] for photograph in PHOTOGRAPHS]
    rows = [np.hstack([tiles[(row + column) % 4] for column in range(4)]) for row in range(4)]
    return np.vstack(rows)[:height, :width]


def jpeg(image, **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'JPEG', **{'quality': 90, **options})
    return file.getvalue()


@pytest.fixture
def stored(tmp_path):
    def store(content, name='image.jpg'):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return store


@pytest.fixture
def decoded(monkeypatch):
    """The reduction of each decoding."""
    reductions = []
    decode = ImageDecoder.__call__

    def recorded(self, content, path, reduction=1):
        reductions.append(reduction)
        return decode(self, content, path, reduction)

    monkeypatch.setattr(ImageDecoder, '__call__', recorded)
    return reductions


# Boxes


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize(
    ('areas', 'ratios'), [((0.08, 1.0), (3 / 4, 4 / 3)), ((0.67, 1.0), (0.9, 1.0))]
)
def test_the_same_generator_gives_mmpretrains_boxes(size, areas, ratios):
    theirs = RandomResizedCrop(224, areas, ratios)
    ours = CropRange(areas, ratios)
    for seed in range(100):
        np.random.seed(seed)
        expected = theirs.rand_crop_params(np.empty(size, np.uint8))
        np.random.seed(seed)
        assert ours.draw(*size) == expected


@pytest.mark.parametrize('size', SIZES[:3])
@pytest.mark.parametrize('areas', [(0.08, 1.0), (0.2, 1.0)])
def test_boxes_have_torchvisions_distribution(size, areas):
    np.random.seed(0)
    torch.manual_seed(0)
    image = torch.empty(1).expand(1, *size)
    ratios = (3 / 4, 4 / 3)
    ours = [CropRange(areas, ratios).draw(*size) for _ in range(2000)]
    theirs = [transforms.RandomResizedCrop.get_params(image, areas, ratios) for _ in range(2000)]
    for ours_of, theirs_of in zip(zip(*ours, strict=True), zip(*theirs, strict=True), strict=True):
        assert ks_2samp(ours_of, theirs_of).pvalue > 1e-3
    area = [[height * width for *_, height, width in boxes] for boxes in (ours, theirs)]
    assert ks_2samp(*area).pvalue > 1e-3


@pytest.mark.parametrize('pair', [(1.0, 0.2), (0.0, 1.0), (0.2,), (-0.5, 0.5)])
def test_ranges_are_checked(pair):
    with pytest.raises(ValueError, match='crop_ratio_range.*two positive numbers'):
        LoadRandomResizedCrop(224, pair)
    with pytest.raises(ValueError, match='aspect_ratio_range.*two positive numbers'):
        LoadRandomResizedCrop(224, aspect_ratio_range=pair)


@pytest.mark.parametrize(
    ('wrong', 'words'),
    [
        (dict(scale=0), 'scale=0'),
        (dict(scale=(224, 224, 3)), 'height and width'),
        (dict(scale=224, interpolation='nearest'), "interpolation='nearest' must be"),
        (dict(scale=224, flip_prob=1.5), 'flip_prob=1.5'),
    ],
)
def test_arguments_are_checked(wrong, words):
    with pytest.raises(ValueError, match=words):
        LoadRandomResizedCrop(**wrong)


# Pixels


@pytest.mark.parametrize('interpolation', PILLOW)
def test_pixels_are_within_a_level_of_pillows(interpolation):
    np.random.seed(0)
    width_first, as_pillow_likes = [], []
    for photograph in PHOTOGRAPHS:
        for height, width in [(224, 224)] * 6 + [(96, 160)]:
            box = CropRange().draw(*photograph.shape[:2])
            ours = resize(photograph, box, (height, width), interpolation).astype(int)
            part = Image.fromarray(photograph).crop(
                (box.left, box.top, box.left + box.width, box.top + box.height)
            )
            kind = PILLOW[interpolation]
            theirs = part.resize((width, box.height), kind).resize((width, height), kind)
            width_first.append(np.abs(ours - np.asarray(theirs)).ravel())
            theirs = part.resize((width, height), kind)
            as_pillow_likes.append(np.abs(ours - np.asarray(theirs)).ravel())
    values = np.concatenate(width_first)
    assert (values > 1).mean() < 2e-5 and values.max() <= 2
    values = np.concatenate(as_pillow_likes)
    assert (values > 1).mean() < 2e-4 and values.mean() < 0.05


@pytest.mark.parametrize('interpolation', PILLOW)
@pytest.mark.parametrize('options', [{}, {'progressive': True}, {'subsampling': 0}])
def test_pixels_are_torchvisions(stored, interpolation, options):
    content = jpeg(PHOTOGRAPHS[2], **options)
    load = LoadRandomResizedCrop(224, (0.5, 0.5), interpolation=interpolation)
    np.random.seed(3)
    ours = load({'img_path': stored(content)})['img']
    np.random.seed(3)
    box = CropRange((0.5, 0.5)).draw(*PHOTOGRAPHS[2].shape[:2])
    whole = decode_jpeg(torch.frombuffer(bytearray(content), dtype=torch.uint8), ImageReadMode.RGB)
    theirs = resized_crop(whole, *box, [224, 224], interpolation=PILLOW[interpolation])
    assert np.array_equal(ours[..., ::-1], theirs.permute(1, 2, 0).numpy())


def test_a_flip_mirrors_the_crop(stored):
    path = stored(jpeg(PHOTOGRAPHS[0]))
    crops = []
    for prob in (0.0, 1.0):
        np.random.seed(1)
        crops.append(LoadRandomResizedCrop(64, flip_prob=prob)({'img_path': path})['img'])
    assert np.array_equal(crops[1], crops[0][:, ::-1])
    load = LoadRandomResizedCrop(8, (1.0, 1.0), (1.0, 1.0), flip_prob=0.3)
    load.read = lambda path: SMALL
    np.random.seed(0)
    kept = load.decoder(SMALL, 'x')
    flipped = [not np.array_equal(load({'img_path': 'x'})['img'], kept) for _ in range(500)]
    assert 0.23 < np.mean(flipped) < 0.37


SMALL = jpeg(PHOTOGRAPHS[0][:8, :8])


FALLBACKS = {
    'png': ({}, lambda image, file: Image.fromarray(image).save(file, 'PNG')),
    'gray jpeg': ({}, lambda image, file: Image.fromarray(image[..., 0]).save(file, 'JPEG')),
    'cmyk jpeg': (
        {},
        lambda image, file: Image.fromarray(image).convert('CMYK').save(file, 'JPEG'),
    ),
    'gray': (
        {'color_type': 'grayscale'},
        lambda image, file: Image.fromarray(image).save(file, 'JPEG'),
    ),
    '16 bits': (
        {},
        lambda image, file: Image.fromarray(image[..., 0].astype(np.uint16) * 257).save(
            file, 'PNG'
        ),
    ),
    '13 bands': (
        {'color_type': 'unchanged'},
        lambda image, file: tifffile.imwrite(file, np.tile(image[..., :1], 13)),
    ),
    'pillow': (
        {'imdecode_backend': 'pillow'},
        lambda image, file: Image.fromarray(image).save(file, 'JPEG'),
    ),
}


@pytest.mark.parametrize('kind', FALLBACKS)
def test_any_image_that_the_decoder_reads_is_cropped(stored, kind):
    options, save = FALLBACKS[kind]
    file = io.BytesIO()
    save(PHOTOGRAPHS[1], file)
    path = stored(file.getvalue())
    load = LoadRandomResizedCrop(160, **options)
    np.random.seed(0)
    results = load({'img_path': path})
    whole = load.decoder(file.getvalue(), path)
    np.random.seed(0)
    box = CropRange().draw(*whole.shape[:2])
    assert results['ori_shape'] == whole.shape[:2] and results['img_shape'] == (160, 160)
    assert results['img'].shape == (160, 160, *whole.shape[2:])
    assert np.array_equal(results['img'], resize(whole, box, (160, 160), 'bilinear'))
    band = whole if whole.ndim == 2 else whole[..., -1]
    part = band[box.top : box.top + box.height, box.left : box.left + box.width]
    pillow = Image.fromarray(np.ascontiguousarray(part)).resize((160, 160), PILLOW['bilinear'])
    ours = results['img'] if whole.ndim == 2 else results['img'][..., -1]
    assert np.abs(ours.astype(int) - np.asarray(pillow)).max() <= 2


@pytest.mark.parametrize('height', [1200, 300])
def test_a_damaged_image_is_named(stored, height):
    path = stored(jpeg(large(height))[:-5000], 'cut.jpg')
    with pytest.raises(UnreadableImageError, match=r'cut\.jpg cannot be read'):
        LoadRandomResizedCrop(32)({'img_path': path})
    assert LoadRandomResizedCrop(32, ignore_empty=True)({'img_path': path}) is None


# Reduced decoding


def test_a_large_image_is_decoded_no_finer_than_its_crop(stored, decoded):
    path = stored(jpeg(large()))
    load = LoadRandomResizedCrop(224, interpolation='bicubic')
    whole = load.load(path)
    differences = []
    for seed in range(12):
        np.random.seed(seed)
        box = CropRange().draw(1200, 1600)
        np.random.seed(seed)
        results = load({'img_path': path})
        assert decoded[-1] == choose_reduction([box], (224, 224))
        assert results['ori_shape'] == (1200, 1600)
        reduction = choose_reduction([box], (224, 224))
        nearest = Box(*(reduction * side for side in reduce_box(box, reduction)))
        expected = [resize(whole, part, (224, 224), 'bicubic') for part in (nearest, box)]
        differences.append(np.abs(results['img'].astype(int) - expected).reshape(2, -1))
    of_nearest, of_drawn = np.concatenate(differences, axis=1)
    assert of_nearest.mean() < 1 and np.percentile(of_nearest, 99) < 8
    assert of_drawn.mean() < 3 and np.percentile(of_drawn, 99) < 30


def test_reduced_boxes_are_never_enlarged():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        height, width = rng.integers(224, 3000, 2)
        box = Box(*rng.integers(0, 1000, 2), height, width)
        reduction = choose_reduction([box], (224, 200))
        small = reduce_box(box, reduction)
        assert small.height >= 224 and small.width >= 200
        assert np.abs(np.multiply(small, reduction) - box).max() <= reduction
        larger = [factor for factor in (2, 4, 8) if factor > reduction]
        assert not larger or height < 224 * larger[0] or width < 200 * larger[0]


@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_turned_camera_gives_the_upright_crop(stored, decoded, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's number of the inverse turn
    image = Image.fromarray(large(1000, 1500))
    lying = image if orientation == 1 else image.transpose(turns[orientation])
    crops = []
    for content in (
        jpeg(np.asarray(image), quality=95),
        jpeg(np.asarray(lying), quality=95, exif=exif),
    ):
        np.random.seed(5)
        load = LoadRandomResizedCrop(128)
        crops.append(load({'img_path': stored(content)}))
    assert crops[0]['ori_shape'] == crops[1]['ori_shape'] == (1000, 1500)
    assert decoded == [decoded[0]] * 2 and decoded[0] > 1
    assert np.abs(crops[0]['img'].astype(int) - crops[1]['img']).mean() < 2


def test_two_crops_cost_one_decoding(stored, decoded):
    path = stored(jpeg(large()))
    load = LoadRandomResizedCrop(160, [(0.08, 0.1), (0.9, 1.0)])
    np.random.seed(0)
    first, second = load({'img_path': path})['img']
    np.random.seed(0)
    boxes = [CropRange(areas).draw(1200, 1600) for areas in ((0.08, 0.1), (0.9, 1.0))]
    assert [choose_reduction([box], (160, 160)) for box in boxes] == [2, 4]
    assert decoded == [2], 'as fine as the finer crop needs it, for both'
    half = load.decoder(jpeg(large()), path, 2)
    for crop, box in zip((first, second), boxes, strict=True):
        assert np.array_equal(crop, resize(half, reduce_box(box, 2), (160, 160), 'bilinear'))


def test_crops_follow_from_the_seeds_of_the_sample(stored):
    path = stored(jpeg(PHOTOGRAPHS[0]))
    load = LoadRandomResizedCrop(32, [(0.08, 1.0), (0.08, 1.0)], flip_prob=0.5)
    drawn = []
    for sample in (7, 8, 7):
        seed_generators(0, sample)
        drawn.append(load({'img_path': path})['img'])
    assert np.array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(*drawn[0])
