"""The size from a JPEG's header is the one that Pillow says."""

import io

import numpy as np
import pytest
from PIL import Image

from mcl_plugins.utils.jpeg import jpeg_size


def saved(mode='RGB', kind='JPEG', **options):
    file = io.BytesIO()
    Image.new(mode, (70, 33)).save(file, kind, **options)
    return file.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6
EXIF[0x010E] = 'a description ' * 2000
KINDS = {
    'baseline': saved(),
    'progressive': saved(progressive=True),
    'gray': saved('L'),
    'cmyk': saved('CMYK'),
    'with a profile': saved(icc_profile=b'\xff\xc0\0\x11' * 40000),
    'with a comment': saved(comment='\xff\xc0'),
    'with filling bytes': saved().replace(b'\xff\xdb', b'\xff\xff\xff\xdb', 1),
}


@pytest.mark.parametrize('kind', KINDS)
def test_the_size_is_pillows(kind):
    assert jpeg_size(KINDS[kind]) == (33, 70)


def test_a_turned_image_has_its_upright_size():
    content = saved(exif=EXIF)
    assert jpeg_size(content) == (70, 33)
    assert jpeg_size(content, turned=False) == (33, 70)


@pytest.mark.parametrize('kind', ['PNG', 'WEBP', 'TIFF', 'BMP'])
def test_other_files_have_none(kind):
    assert jpeg_size(saved(kind=kind)) is None


@pytest.mark.filterwarnings('ignore::UserWarning')
def test_what_is_cut_off_or_damaged_has_none_and_raises_nothing():
    content = saved(exif=EXIF)
    frame = content.index(b'\xff\xc0')
    assert all(jpeg_size(content[:length]) is None for length in range(0, frame + 9, 97))
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(2, len(content), 20)] = rng.integers(0, 256, 20)
        size = jpeg_size(damaged.tobytes())
        assert size is None or (len(size) == 2 and min(size) > 0)
    assert jpeg_size(content[:frame] + b'\xff\xd9' + content[frame:]) is None
