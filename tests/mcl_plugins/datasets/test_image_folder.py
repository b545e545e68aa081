"""Image folders without images."""

import pytest

from mcl_plugins.datasets.image_folder import ImageFolder


@pytest.mark.parametrize(('with_label', 'hint'), [(True, 'with_label=False'), (False, 'jpg')])
def test_files_that_are_no_images_are_not_enough(tmp_path, with_label, hint):
    (tmp_path / 'train/a').mkdir(parents=True)
    (tmp_path / 'train/a/notes.txt').touch()
    with pytest.raises(ValueError, match=rf'train.* has no images.*{hint}.*\.png'):
        ImageFolder(data_root=str(tmp_path), data_prefix='train', with_label=with_label)


def test_images_are_found_as_before(images):
    data = ImageFolder(data_root=str(images), data_prefix='train')
    assert len(data) == 16 and data.metainfo['classes'] == ('0', '1')
    assert len(ImageFolder(data_root=str(images), data_prefix='train', with_label=False)) == 16
