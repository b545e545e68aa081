"""The solar cells: what is written from an archive of the distribution's form."""

import collections
import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from mcl_plugins.cli.data import solar_cells
from mcl_plugins.datasets import ImageFolder

PER_STRATUM = 160  # cells of each probability and type, eight strata


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    path = tmp_path_factory.mktemp('wheel') / 'cells.whl'
    png = io.BytesIO()
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(png, 'png')
    lines = []
    with zipfile.ZipFile(path, 'w') as archive:
        for index in range(8 * PER_STRATUM):
            name = f'images/cell{index + 1:04d}.png'
            number = ('0.0', '0.3333333333333333', '0.6666666666666666', '1.0')[index % 4]
            lines.append(f'{name}  {number:18}  {"mono" if index % 8 < 4 else "poly"}')
            archive.writestr(f'{solar_cells.INSIDE}/{name}', png.getvalue())
        archive.writestr(f'{solar_cells.INSIDE}/labels.csv', '\n'.join(lines))
        archive.writestr('elpv.dist-info/licenses/LICENSE.md', 'CC BY-NC-SA')
    return path


@pytest.fixture(scope='module')
def root(wheel):
    root = wheel.parent / 'data'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solar_cells, 'SHA256', solar_cells.sha256_of(wheel))
        solar_cells.make(root, wheel)
    return root


def test_a_quarter_of_each_stratum_is_held_out_and_labelled_by_its_probability(root):
    with (root / 'cells.csv').open() as file:
        rows = list(csv.DictReader(file))
    counts = collections.Counter(
        (row['file'].partition('/')[0], row['probability'], row['type']) for row in rows
    )
    assert set(counts.values()) == {PER_STRATUM // 4, PER_STRATUM * 3 // 4} and len(counts) == 16
    for row in rows:
        defective = float(row['probability']) > 0.5
        assert row['file'].split('/')[1] == ('defective' if defective else 'functional')
        assert (root / row['file']).is_file()
    assert (root / 'LICENSE.md').read_text() == 'CC BY-NC-SA'


def test_lists_of_few_labels_are_read_as_they_are_and_grow(root):
    smaller, larger = (
        ImageFolder(data_root=str(root), data_prefix='train', ann_file=f'few_labels_{count}_1.txt')
        for count in (10, 100)
    )
    labels = [sample['gt_label'] for sample in smaller]
    assert collections.Counter(labels) == {0: 10, 1: 10}
    whole = ImageFolder(data_root=str(root), data_prefix='train')
    assert tuple(whole.CLASSES) == solar_cells.CLASSES
    of_folder = {sample['img_path']: sample['gt_label'] for sample in whole}
    few = {sample['img_path']: sample['gt_label'] for sample in smaller}
    many = {sample['img_path']: sample['gt_label'] for sample in larger}
    assert few.items() < many.items() < of_folder.items()


def test_another_archive_is_refused_before_anything_is_written(wheel, tmp_path):
    with pytest.raises(ValueError, match='delete the file and download it again'):
        solar_cells.make(tmp_path / 'data', wheel)
    assert not (tmp_path / 'data').exists()
