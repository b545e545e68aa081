"""ImageNet-100: classes from a list, labels of the subset, and what is missing by name."""

import re

import pytest
from mmengine.registry import DATASETS
from PIL import Image

from mcl_plugins.datasets import ImageNet100
from mcl_plugins.datasets.imagenet100 import CLASS_LIST, read_class_list

WANTED = ['n01558993', 'n01692333', 'n13040303']


@pytest.fixture
def root(tmp_path):
    """Three listed classes among others, two images each, and an annotation file of 1000."""
    for wnid in [*WANTED, 'n00000001', 'n99999999']:
        folder = tmp_path / 'train' / wnid
        folder.mkdir(parents=True)
        for index in range(2):
            Image.new('RGB', (8, 8)).save(folder / f'{wnid}_{index}.JPEG')
    (tmp_path / 'meta').mkdir()
    (tmp_path / 'meta/train.txt').write_text(f'{WANTED[0]}/{WANTED[0]}_0.JPEG 951\n')
    (tmp_path / 'list.txt').write_text('\n'.join(reversed(WANTED)) + '\n')
    return tmp_path


def build(root, **changes):
    config = dict(
        type='mcl_plugins.ImageNet100',
        data_root=str(root),
        split='train',
        class_list=str(root / 'list.txt'),
    )
    return DATASETS.build({**config, **changes})


def test_labels_count_the_listed_classes(root):
    dataset = build(root)
    found = [(info['img_path'].split('/')[-1], info['gt_label']) for info in dataset]
    assert found == [
        (f'{wnid}_{index}.JPEG', label) for label, wnid in enumerate(WANTED) for index in range(2)
    ]
    assert list(dataset.CLASSES) == WANTED


def test_without_labels_the_images_are_the_same(root):
    plain = [info['img_path'] for info in build(root)]
    assert [info['img_path'] for info in build(root, with_label=False)] == plain


def test_the_packaged_list_is_that_of_a_hundred_classes():
    wnids = read_class_list(CLASS_LIST)
    assert len(wnids) == 100 and all(re.fullmatch(r'n\d{8}', wnid) for wnid in wnids)
    # First and last of the released file, and no ImageNet-1k class beyond its range.
    assert {'n02869837', 'n02090622'} <= set(wnids)
    assert wnids[0] >= 'n01440764' and wnids[-1] <= 'n15075141'
    assert ImageNet100(data_root='nowhere', lazy_init=True).wnids == wnids


@pytest.mark.parametrize('with_label', [True, False])
def test_a_missing_class_is_named(root, with_label):
    (root / 'list.txt').write_text('n02869837\n')
    with pytest.raises(FileNotFoundError, match="train has no folder 'n02869837'.*class_list"):
        build(root, with_label=with_label)


def test_folders_may_have_blanks_in_their_names(root):
    (root / 'train' / WANTED[0]).rename(root / 'train/water snake')
    (root / 'list.txt').write_text('water snake \n\nn01692333')
    dataset = build(root)
    assert list(dataset.CLASSES) == ['n01692333', 'water snake'] and len(dataset) == 4


def test_an_annotation_file_is_an_error(root):
    with pytest.raises(ValueError, match="ann_file='meta/train.txt'.*class folders"):
        build(root, ann_file='meta/train.txt')


def test_a_class_without_images_is_named(root):
    for image in (root / 'train' / WANTED[1]).iterdir():
        image.rename(image.with_suffix('.txt'))
    with pytest.raises(ValueError, match=rf"No images in \['{WANTED[1]}'\]"):
        build(root)


@pytest.mark.parametrize(
    ('text', 'problem'), [('', 'is empty'), ('n1\nn2\nn1\n', r"\['n1'\] more than once")]
)
def test_a_bad_list_is_an_error(root, text, problem):
    (root / 'list.txt').write_text(text)
    with pytest.raises(ValueError, match=problem):
        build(root)


def test_a_missing_list_is_an_error(root):
    with pytest.raises(FileNotFoundError, match='class list .*nothing.txt'):
        build(root, class_list=str(root / 'nothing.txt'))
