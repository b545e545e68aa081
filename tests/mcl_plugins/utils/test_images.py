"""Images that cannot be read are named, whichever library reads them."""

import pytest
from PIL import Image

from mcl_plugins.transforms import LoadImageFromFile
from mcl_plugins.utils.images import open_rgb


@pytest.fixture
def damaged(tmp_path):
    """An empty file, one of other content, and one that was cut off."""
    (tmp_path / 'empty.jpg').touch()
    (tmp_path / 'text.jpg').write_text('no image')
    Image.new('RGB', (64, 64), 'red').save(tmp_path / 'whole.png')
    (tmp_path / 'cut.png').write_bytes((tmp_path / 'whole.png').read_bytes()[:60])
    return tmp_path


@pytest.mark.parametrize('name', ['empty.jpg', 'text.jpg', 'cut.png'])
@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_the_libraries_loader_names_the_file(damaged, name, backend):
    load, file = LoadImageFromFile(imdecode_backend=backend), str(damaged / name)
    with pytest.raises(ValueError, match=f'{file} cannot be read as an image.*remove or replace'):
        load({'img_path': file})


def test_the_libraries_loader_is_otherwise_as_it_was(damaged):
    assert LoadImageFromFile()({'img_path': str(damaged / 'whole.png')})['img'].shape == (64, 64, 3)
    with pytest.raises(FileNotFoundError, match=r'none\.png'):
        LoadImageFromFile()({'img_path': str(damaged / 'none.png')})


@pytest.mark.parametrize('name', ['empty.jpg', 'text.jpg', 'cut.png'])
def test_images_of_evaluations_and_pictures_are_named(damaged, name):
    with pytest.raises(ValueError, match=f'{name} cannot be read as an image'):
        open_rgb(damaged / name)
    assert open_rgb(damaged / 'whole.png').size == (64, 64)
    with pytest.raises(FileNotFoundError):
        open_rgb(damaged / 'none.png')


def test_an_image_beyond_the_limit_of_pillow_is_named(tmp_path, monkeypatch):
    Image.new('L', (40, 40)).save(tmp_path / 'big.png')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    with pytest.raises(ValueError, match=r'big\.png cannot be read .*exceeds limit'):
        open_rgb(tmp_path / 'big.png')
