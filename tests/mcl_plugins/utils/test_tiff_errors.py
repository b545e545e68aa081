"""TIFFs that are read and still are no image that a network takes: each says why."""

import io
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile

from mcl_plugins.transforms import LoadImageFromFile

LZW = 5  # a compression that tifffile leaves to imagecodecs


def as_tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, byteorder='<', **options)
    return file.getvalue()


def compressed():
    """Five bands, as nothing here can write them: of another file the tag is changed."""
    bands = np.zeros((20, 30, 5), np.uint8)
    content = as_tiff(bands, planarconfig='contig', photometric='minisblack', compression='zlib')
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        place = file.pages[0].tags['Compression'].valueoffset
    return content[:place] + LZW.to_bytes(2, 'little') + content[place + 2 :]


def inks():
    return as_tiff(np.zeros((20, 30, 4), np.uint16), photometric='separated')


def pages_in_colour():
    return as_tiff(np.zeros((4, 20, 30, 3), np.uint8), photometric='rgb')


@pytest.mark.parametrize(
    ('write', 'message'),
    [
        pytest.param(
            compressed,
            r'is compressed in a way that needs imagecodecs: python -m pip install imagecodecs\.',
            marks=pytest.mark.skipif(
                find_spec('imagecodecs') is not None, reason='imagecodecs is installed'
            ),
        ),
        (inks, r'cannot be read .* \(a TIFF with photometric interpretation 5\): remove or repla'),
        (pages_in_colour, r'\(a TIFF of shape \(4, 20, 30, 3\), not bands and pixels\): remove or'),
    ],
)
def test_a_tiff_says_why_it_is_not_read(tmp_path, write, message):
    file = tmp_path / 'odd.tif'
    file.write_bytes(write())
    with pytest.raises(ValueError, match=rf'^{tmp_path}/odd\.tif.* {message}'):
        LoadImageFromFile(color_type='unchanged')({'img_path': str(file)})
