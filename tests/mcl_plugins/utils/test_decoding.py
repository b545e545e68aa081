"""The decoder gives the pixels that Pillow, tifffile and NumPy say, for every kind of file."""

import io
import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from mcl_plugins.transforms import LoadImageFromFile
from mcl_plugins.utils import tiff
from mcl_plugins.utils.bit_depth import BitDepth
from mcl_plugins.utils.decoding import ImageDecoder
from mcl_plugins.utils.image_errors import UnreadableImageError
from mcl_plugins.utils.images import open_rgb


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


RGB = noise(20, 30, 3)
RGBA = noise(20, 30, 4, seed=1)
GRADIENT = np.tile(np.linspace(20, 235, 64), (8, 1))


def saved(image, kind, **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        file, kind, **options
    )
    return file.getvalue()


def as_tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def packed(array, bits):
    """A gray TIFF whose values are written without gaps, as cameras do."""
    text = ''.join(format(value, f'0{bits}b') for value in array.ravel())
    data = bytes(int(text[place : place + 8], 2) for place in range(0, len(text), 8))
    rows, columns = array.shape
    tags = {256: columns, 257: rows, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: rows}
    entries = [struct.pack('<HHII', tag, 4, 1, x) for tag, x in {**tags, 279: len(data)}.items()]
    header = struct.pack('<2sHI', b'II', 42, 8 + len(data))
    return b''.join([header, data, struct.pack('<H', len(entries)), *entries, bytes(4)])


def turned(image, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, kind, exif=exif)


PALETTE = Image.fromarray(RGB).quantize(16)
EIGHT_BITS = {
    'rgb png': saved(RGB, 'PNG'),
    'gray png': saved(RGB[..., 0], 'PNG'),
    'gray and alpha png': saved(RGBA[..., :2].copy(), 'PNG'),
    'rgba png': saved(RGBA, 'PNG'),
    'palette png': saved(PALETTE, 'PNG'),
    'palette png with a transparent colour': saved(PALETTE, 'PNG', transparency=3),
    'png of 2 bits': saved(Image.fromarray(RGB).quantize(3), 'PNG'),
    'png of 1 bit': saved(RGB[..., 0] > 100, 'PNG'),
    'gif': saved(RGB, 'GIF'),
    'gif with transparency': saved(RGBA, 'GIF'),
    'animated gif': saved(RGB, 'GIF', save_all=True, append_images=[Image.fromarray(RGBA)]),
    'bmp': saved(RGB, 'BMP'),
    'bmp of 1 bit': saved(RGB[..., 0] > 100, 'BMP'),
    'rgba bmp': saved(RGBA, 'BMP'),
    'webp': saved(RGB, 'WEBP', lossless=True),
    'rgba webp': saved(RGBA, 'WEBP', lossless=True, exact=True),
    'jpeg': saved(RGB, 'JPEG'),
    'gray jpeg': saved(RGB[..., 0], 'JPEG'),
    'jp2': saved(RGB, 'JPEG2000'),
    'ppm': saved(RGB, 'PPM'),
    'pbm': saved(RGB[..., 0] > 100, 'PPM'),
    'tiff': saved(RGB, 'TIFF'),
    'lzw tiff': saved(RGB, 'TIFF', compression='tiff_lzw'),
    'jpeg tiff': saved(RGB, 'TIFF', compression='jpeg'),
    'fax tiff': saved(RGB[..., 0] > 100, 'TIFF', compression='group4'),
    'palette tiff': saved(PALETTE, 'TIFF'),
    'cmyk tiff': saved(Image.fromarray(RGB).convert('CMYK'), 'TIFF'),
    'rgba tiff': saved(RGBA, 'TIFF'),
    'inverted tiff': as_tiff(RGB[..., 0].copy(), photometric='miniswhite'),
    **{
        f'{kind} turned {orientation}': turned(RGB, kind, orientation)
        for kind in ('PNG', 'JPEG', 'WEBP', 'TIFF')
        for orientation in range(1, 9)
    },
}


@pytest.mark.filterwarnings('ignore:Palette images with Transparency')
@pytest.mark.parametrize('name', EIGHT_BITS)
def test_images_of_8_bits_have_the_pixels_of_pillow(name, tmp_path):
    """Turned as their EXIF says, with stored colours where they are transparent."""
    content = EIGHT_BITS[name]
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
    # The name's suffix does not matter, and the picture commands read what the training reads.
    (tmp_path / 'image').write_bytes(content)
    loaded = LoadImageFromFile()({'img_path': str(tmp_path / 'image')})
    assert loaded['img_shape'] == loaded['ori_shape'] == expected.shape[:2]
    np.testing.assert_array_equal(loaded['img'][..., ::-1], expected)
    np.testing.assert_array_equal(np.asarray(open_rgb(tmp_path / 'image')), expected)


def test_cmyk_jpeg_is_converted_as_pillow_does():
    """Up to the rounding of one level."""
    content = saved(Image.fromarray(RGB).convert('CMYK'), 'JPEG', quality=100)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert('RGB')).astype(int)
    decoded = ImageDecoder()(content, 'cmyk.jpg')[..., ::-1]
    assert np.abs(decoded - expected).max() <= 1


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'WEBP', 'TIFF'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_the_turn_is_left_out_where_that_is_asked_for(kind, orientation):
    for color_type in ('color_ignore_orientation', 'unchanged'):
        decoded = ImageDecoder(color_type)(turned(RGB, kind, orientation), 'turned')
        np.testing.assert_array_equal(decoded, ImageDecoder()(saved(RGB, kind), 'upright'))


SIXTEEN_BITS = {
    'png': lambda array: cv2.imencode('.png', array[..., ::-1])[1].tobytes(),
    'tiff': as_tiff,
    'planar tiff': lambda array: as_tiff(
        np.moveaxis(array, -1, 0), planarconfig='separate', photometric='rgb'
    ),
    'ppm': lambda array: b'P6 64 8 65535\n' + array.astype('>u2').tobytes(),
}


@pytest.mark.parametrize('kind', SIXTEEN_BITS)
def test_all_16_bits_are_scaled_and_rounded(kind):
    array = np.stack([GRADIENT * 257, GRADIENT[:, ::-1] * 257 + 100, GRADIENT * 0 + 65535], axis=-1)
    array = array.astype(np.uint16)
    decoded = ImageDecoder()(SIXTEEN_BITS[kind](array), kind)[..., ::-1]
    np.testing.assert_array_equal(decoded, np.floor(array / 257 + 0.5))


GRAY_16_BITS = {
    'png': lambda array: saved(array, 'PNG'),
    'tiff': as_tiff,
    'jp2': lambda array: saved(np.tile(array, (8, 1)), 'JPEG2000'),
    'pgm': lambda array: b'P5 64 8 65535\n' + array.astype('>u2').tobytes(),
}


@pytest.mark.parametrize('kind', GRAY_16_BITS)
@pytest.mark.parametrize('bits', [10, 12, 14])
def test_fewer_bits_in_files_of_16_are_refused_until_they_are_stated(kind, bits, tmp_path):
    white = 2**bits - 1
    array = np.floor(GRADIENT / 255 * white).astype(np.uint16)
    (tmp_path / 'xray').write_bytes(GRAY_16_BITS[kind](array))
    record = {'img_path': str(tmp_path / 'xray')}
    with pytest.raises(UnreadableImageError, match=f'xray has 16 bits.*bit_depth={bits} '):
        LoadImageFromFile()(dict(record))
    with pytest.raises(UnreadableImageError, match='xray has 16 bits'):
        open_rgb(tmp_path / 'xray')
    loaded = LoadImageFromFile(bit_depth=bits)(dict(record))['img']
    np.testing.assert_array_equal(loaded[:8, :, 0], np.floor(array * 255.0 / white + 0.5))
    assert LoadImageFromFile(bit_depth=16)(dict(record))['img'].max() < 64
    with pytest.raises(UnreadableImageError, match=rf'has the value {array.max()}, .*bits is 255'):
        LoadImageFromFile(bit_depth=8)(dict(record))


def test_a_format_that_states_its_bits_needs_no_option():
    array = np.floor(GRADIENT / 255 * 4095).astype(np.uint16)
    expected = np.floor(array * 255.0 / 4095 + 0.5)
    pgm = b'P5\n# a scanner wrote it\n64 8 4095\n' + array.astype('>u2').tobytes()
    np.testing.assert_array_equal(ImageDecoder('grayscale')(pgm, 'x.pgm'), expected)
    tiff_of_12_bits = ImageDecoder('grayscale')(packed(array, bits=12), 'x.tiff')
    np.testing.assert_array_equal(tiff_of_12_bits, expected)
    small = b'P5 4 1 100\n' + bytes([0, 50, 100, 25])
    assert ImageDecoder('grayscale')(small, 'x.pgm').tolist() == [[0, 128, 255, 64]]
    inverted = as_tiff((GRADIENT * 257).astype(np.uint16), photometric='miniswhite')
    np.testing.assert_array_equal(
        ImageDecoder('grayscale')(inverted, 'x.tiff'),
        np.floor((65535 - (GRADIENT * 257).astype(int)) / 257 + 0.5),
    )


def test_a_black_image_is_black_and_8_bits_stay_as_they_are():
    black = saved(np.zeros((4, 4), np.uint16), 'PNG')
    assert ImageDecoder()(black, 'black.png').max() == 0
    decoded = ImageDecoder(bit_depth=12)(saved(RGB, 'PNG'), 'rgb.png')
    np.testing.assert_array_equal(decoded[..., ::-1], RGB)


@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.int16, np.int32])
def test_other_types_need_the_range_of_their_values(dtype):
    array = np.array([[-10, 0, 50], [100, 25, 110]], dtype)
    content = as_tiff(array)
    with pytest.raises(UnreadableImageError, match=r'dem\.tif has values .* from -10 to 11'):
        ImageDecoder()(content, 'dem.tif')
    decoded = ImageDecoder('unchanged', value_range=(0, 100))(content, 'dem.tif')
    assert decoded.tolist() == [[0, 0, 128], [255, 64, 255]]


def test_pixels_that_are_no_numbers_are_refused():
    content = as_tiff(np.array([[0.5, np.nan]], np.float32))
    with pytest.raises(UnreadableImageError, match='NaN'):
        ImageDecoder(value_range=(0, 1))(content, 'dem.tif')


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'bits': 0}, 'bit_depth=0 must'),
        ({'bits': 12.0}, r'bit_depth=12\.0 must'),
        ({'bits': True}, 'bit_depth=True must'),
        ({'bits': 12, 'value_range': (0, 1)}, 'both set'),
        ({'value_range': (1, 1)}, 'two numbers'),
        ({'value_range': (0, 1, 2)}, 'two numbers'),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        BitDepth(**settings)
    with pytest.raises(ValueError, match='color_type'):
        ImageDecoder('colour')


BANDS = {
    'interleaved': lambda array: as_tiff(array, planarconfig='contig', photometric='minisblack'),
    'planes': lambda array: as_tiff(
        np.moveaxis(array, -1, 0), planarconfig='separate', photometric='minisblack'
    ),
    'pages': lambda array: as_tiff(np.moveaxis(array, -1, 0), photometric='minisblack'),
    'as tifffile guesses': as_tiff,
    'compressed': lambda array: as_tiff(
        array, planarconfig='contig', photometric='minisblack', compression='zlib'
    ),
    'big': lambda array: as_tiff(
        array, planarconfig='contig', photometric='minisblack', bigtiff=True
    ),
}


@pytest.mark.parametrize('layout', BANDS)
@pytest.mark.parametrize('bands', [2, 5, 13])
def test_all_bands_of_a_tiff_are_read(layout, bands):
    array = noise(20, 30, bands)
    content = BANDS[layout](array)
    np.testing.assert_array_equal(ImageDecoder('unchanged')(content, 'bands.tif'), array)
    with pytest.raises(UnreadableImageError, match=f"{bands} bands, .*'unchanged'.*in_channels"):
        ImageDecoder()(content, 'bands.tif')
    deep = BANDS[layout](array.astype(np.uint16) * 257)
    np.testing.assert_array_equal(ImageDecoder('unchanged')(deep, 'bands.tif'), array)


def test_four_bands_keep_their_order_and_three_are_bgr():
    infrared = as_tiff(RGBA, photometric='rgb', extrasamples=['unspecified'])
    for content in (infrared, saved(RGBA, 'PNG'), saved(RGBA, 'TIFF')):
        np.testing.assert_array_equal(ImageDecoder('unchanged')(content, 'four'), RGBA)
    np.testing.assert_array_equal(
        ImageDecoder('unchanged')(saved(RGB, 'TIFF'), 'three'), RGB[..., ::-1]
    )
    with pytest.raises(UnreadableImageError, match='4 bands'):  # infrared is no alpha
        ImageDecoder()(infrared, 'four')
    gray_alpha = RGBA[..., :2].copy()
    for kind in ('PNG', 'TIFF'):
        decoded = ImageDecoder('unchanged')(saved(gray_alpha, kind), 'two')
        np.testing.assert_array_equal(decoded, gray_alpha)


@pytest.mark.parametrize('kind', ['PNG', 'TIFF'])
def test_one_band_is_the_luma_of_three(kind):
    expected = np.asarray(Image.fromarray(RGB).convert('L')).astype(int)
    decoded = ImageDecoder('grayscale')(saved(RGB, kind), 'colour')
    assert decoded.shape == (20, 30) and np.abs(decoded - expected).max() <= 1
    gray = ImageDecoder('grayscale')(saved(RGB[..., 0], kind), 'gray')
    np.testing.assert_array_equal(gray, RGB[..., 0])


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'WEBP', 'GIF', 'BMP', 'TIFF', 'JPEG2000', 'PPM'])
@pytest.mark.parametrize('part', [0, 3, 60, 0.5, 0.9])
def test_files_that_were_cut_off_are_named(kind, part):
    whole = saved(noise(64, 64, 3), kind)
    content = whole[: part if isinstance(part, int) else int(part * len(whole))]
    with pytest.raises(UnreadableImageError, match='cut cannot be read as an image'):
        ImageDecoder()(content, 'cut')


def test_bytes_after_the_end_of_a_jpeg_do_no_harm():
    content = saved(RGB, 'JPEG')
    decoded = ImageDecoder()(content + b'\0' * 9000, 'trailer.jpg')
    np.testing.assert_array_equal(decoded, ImageDecoder()(content, 'plain.jpg'))


def test_a_missing_library_is_named(monkeypatch):
    content = as_tiff(noise(20, 30, 5), photometric='minisblack')
    monkeypatch.setattr(tiff, 'tifffile', None)
    np.testing.assert_array_equal(ImageDecoder()(saved(RGB, 'TIFF'), 'x')[..., ::-1], RGB)
    with pytest.raises(ValueError, match='pip install tifffile'):
        ImageDecoder('unchanged')(content, 'bands.tif')


@pytest.mark.parametrize('kind', ['TIFF', 'GIF'])
def test_an_image_beyond_pillows_limit_says_so(kind, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    with pytest.raises(UnreadableImageError, match=r'big.*exceeds limit.*MAX_IMAGE_PIXELS'):
        ImageDecoder()(saved(RGB, kind), 'big')
