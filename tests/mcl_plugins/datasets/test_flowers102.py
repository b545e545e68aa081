"""Flowers-102 from files like the published ones: labels, splits, and what does not fit."""

import numpy as np
import pytest
from mmengine.registry import DATASETS
from scipy.io import savemat

IMAGES = 8189
SIZES = {'train': 1020, 'val': 1020, 'trainval': 2040, 'test': 6149}


def numbers():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(IMAGES) % 102 + 1)
    return labels, rng.permutation(np.arange(IMAGES) + 1)


def write(folder, labels, ids, kind=np.uint16):
    """Rows of small integers, compressed, as published."""
    content = {'labels': labels[None].astype(np.uint8)}
    savemat(folder / 'imagelabels.mat', content, do_compression=True)
    lists = dict(zip(('trnid', 'valid', 'tstid'), np.split(ids, [1020, 2040]), strict=True))
    lists = {name: value[None].astype(kind) for name, value in lists.items()}
    savemat(folder / 'setid.mat', lists, do_compression=True)


@pytest.fixture
def root(tmp_path):
    write(tmp_path, *numbers())
    (tmp_path / 'jpg').mkdir()
    (tmp_path / 'jpg/image_00001.jpg').touch()
    return tmp_path


def build(root, split='trainval'):
    return DATASETS.build(dict(type='mcl_plugins.Flowers102', data_root=str(root), split=split))


@pytest.mark.parametrize('kind', [np.uint16, np.float64])
@pytest.mark.parametrize('split', SIZES)
def test_images_and_labels_of_a_split(root, split, kind):
    labels, ids = numbers()
    write(root, labels, ids, kind)
    first = {'train': 0, 'val': 1020, 'trainval': 0, 'test': 2040}[split]
    dataset = build(root, split)
    assert len(dataset) == SIZES[split] and dataset.test_mode == (split == 'test')
    for index in range(0, SIZES[split], 97):
        number = ids[first + index]
        info = dataset.get_data_info(index)
        assert info['img_path'] == str(root / f'jpg/image_{number:05d}.jpg')
        assert info['gt_label'] == labels[number - 1] - 1
    assert len(dataset.CLASSES) == 102


@pytest.mark.parametrize('name', ['imagelabels.mat', 'setid.mat'])
def test_a_missing_or_damaged_file_is_named(root, name):
    (root / name).write_bytes((root / name).read_bytes()[:200])
    with pytest.raises(ValueError, match=f'{name} is not the published file'):
        build(root)
    (root / name).unlink()
    with pytest.raises(FileNotFoundError, match=f'{name}.*102flowers.tgz'):
        build(root)


def test_missing_images_are_an_error(root):
    (root / 'jpg').rename(root / 'images')
    with pytest.raises(FileNotFoundError, match='jpg.* does not exist'):
        build(root)


def test_files_that_do_not_belong_together_are_an_error(root):
    labels, ids = numbers()
    write(root, np.minimum(labels, 100), ids)
    with pytest.raises(ValueError, match='100 classes from 1 to 100, not 102'):
        build(root)
    write(root, labels, ids + 1)
    with pytest.raises(ValueError, match='names the images .* to 8190, but .* labels of 8189'):
        build(root, 'trainval' if ids[:2040].max() == IMAGES else 'test')
    savemat(root / 'setid.mat', {'trnid': ids[None]})
    with pytest.raises(ValueError, match=r"setid.mat is not the published file.*'valid'"):
        build(root)
