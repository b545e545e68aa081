"""Image folders: which files are images, which folders are classes, and lists of images."""

import logging
import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mcl_plugins.datasets import classes
from mcl_plugins.datasets.classes import ClassNames, agree_on_classes
from mcl_plugins.datasets.image_folder import ImageFolder, ImageNet
from mcl_plugins.transforms import LoadImageFromFile
from mcl_plugins.utils.images import IMAGE_SUFFIXES, open_rgb


@pytest.fixture
def said(monkeypatch):
    """What the data sets write to the log."""
    lines = []

    def write(text, logger=None, level=logging.INFO):
        lines.append(text)

    monkeypatch.setattr('mcl_plugins.datasets.image_folder.print_log', write)
    monkeypatch.setattr(classes, 'print_log', write)
    return lines


@pytest.fixture
def split(tmp_path):
    """Make a data set of empty files, which are only listed."""

    def _split(name, *files, **settings):
        for file in files:
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if not file.endswith('/'):
                path.touch()
            else:
                path.mkdir(exist_ok=True)
        return ImageFolder(data_root=str(tmp_path), data_prefix=name, **settings)

    return _split


def labels_of(dataset):
    """The label of each class folder, by the records."""
    records = [dataset.get_data_info(index) for index in range(len(dataset))]
    return {record['img_path'].split('/')[-2]: record['gt_label'] for record in records}


@pytest.mark.parametrize(('with_label', 'hint'), [(True, 'with_label=False'), (False, 'jpg')])
def test_files_that_are_no_images_are_not_enough(tmp_path, with_label, hint):
    (tmp_path / 'train/a').mkdir(parents=True)
    (tmp_path / 'train/a/notes.txt').touch()
    with pytest.raises(ValueError, match=rf'train.* has no images.*{hint}.*\.png.*1 \.txt'):
        ImageFolder(data_root=str(tmp_path), data_prefix='train', with_label=with_label)


def test_images_are_found_as_before(images):
    data = ImageFolder(data_root=str(images), data_prefix='train')
    assert len(data) == 16 and data.metainfo['classes'] == ('0', '1')
    assert len(ImageFolder(data_root=str(images), data_prefix='train', with_label=False)) == 16


@pytest.mark.parametrize('place', ['loop', 'bee/loop', 'bee/deep/loop'])
@pytest.mark.parametrize('target', ['.', 'bee'])
def test_a_link_to_a_folder_above_is_left_out(split, said, tmp_path, place, target):
    split('train', 'bee/1.png', 'bee/deep/2.png', 'cat/3.png')
    (tmp_path / 'train' / place).symlink_to(tmp_path / 'train' / target)
    (tmp_path / 'train/dog').symlink_to(tmp_path / 'train/cat')  # a link to another one is followed
    listed = split('train')
    assert place == 'loop' or 'link to a folder above it' in said[-1]
    names = [listed.get_data_info(index)['img_path'] for index in range(len(listed))]
    assert sum('/bee/' in name for name in names) == 2
    assert {'dog', 'cat', 'bee'} <= set(listed.metainfo['classes'])


def test_hidden_and_empty_folders_are_no_classes(split, said):
    data = split(
        'train',
        'bee/1.PNG', 'bee/deep/2.webp', 'bee/.ipynb_checkpoints/2-checkpoint.png', 'cat/1.gif',
        'cat/.1.png', 'cat/notes.txt', 'aaa/', 'abc/readme', '.git/x.png', '@eaDir/x.png',
        'loose.jpg',
    )  # fmt: skip
    assert labels_of(data) == {'bee': 0, 'deep': 0, 'cat': 1}
    assert data.metainfo['classes'] == ('bee', 'cat')
    (line,) = said
    assert re.search(r'train: 3 images of 2 classes\. Left out: ', line)
    for part in (
        '1 .jpg (outside the class folders)',
        '4 .png (hidden)',
        '1 no suffix (not an image suffix)',
        '1 .txt (not an image suffix)',
        'Folders without images are no classes: aaa, abc',
    ):
        assert part in line
    said.clear()
    assert len(split('train', with_label=False)) == 4
    assert re.fullmatch(r'.*train: 4 images\. Left out: .*', said[0])


def test_every_suffix_of_the_list_can_be_read_in_training_and_for_pictures(tmp_path):
    pixels = np.full((8, 8, 3), 200, np.uint8)
    formats = {'.jp2': 'JPEG2000', '.jfif': 'JPEG', '.pgm': 'PPM', '.pbm': 'PPM', '.pnm': 'PPM'}
    for suffix in IMAGE_SUFFIXES:
        file = tmp_path / f'image{suffix}'
        image = Image.fromarray(pixels)
        image = image.convert({'.pgm': 'L', '.pbm': '1'}.get(suffix, 'RGB'))
        image.save(file, formats.get(suffix))
        assert LoadImageFromFile()({'img_path': str(file)})['img'].shape == (8, 8, 3), suffix
        assert open_rgb(file).size == (8, 8)
    assert len(ImageFolder(data_root=str(tmp_path), with_label=False)) == len(IMAGE_SUFFIXES)


def test_labels_follow_the_names_of_the_training_data(split, said):
    train = split('train', 'ant/1.png', 'bee/1.png', 'cat/1.png', '.hidden/1.png')
    val = split('val', 'ant/', 'bee/1.png', 'cat/1.png')
    assert labels_of(val) == {'bee': 0, 'cat': 1}  # numbered alone
    agree_on_classes({'train': train, 'val': val})
    assert labels_of(val) == {'bee': 1, 'cat': 2}
    assert val.metainfo['classes'] == train.metainfo['classes'] == ('ant', 'bee', 'cat')
    assert 'val has no images of 1 of the 3 classes of train: ant.' in said[-1]
    agree_on_classes({'train': train, 'val': val})  # now they agree
    split('more', 'ant/1.png', 'bee/1.png', 'dog/1.png')
    with pytest.raises(ValueError, match=r'Only in more \(1\): dog\. Only in train \(1\): cat\.'):
        agree_on_classes({'train': train, 'more': split('more')})


def test_given_classes_number_the_folders_by_name(split):
    given = dict(metainfo=dict(classes=('cat', 'ant', 'bee')))
    data = split('train', 'ant/1.png', 'cat/1.png', **given)
    assert labels_of(data) == {'ant': 1, 'cat': 0}
    agree_on_classes({'train': data, 'val': split('val', 'bee/1.png', 'cat/1.png')})
    val = split('val')
    agree_on_classes({'train': data, 'val': val})
    assert labels_of(val) == {'bee': 2, 'cat': 0}
    with pytest.raises(ValueError, match=r'no class \(1\): dog\. Classes without .*\(1\): bee'):
        split('train', 'dog/1.png', **given)
    # Names that are not those of the folders go by the order of the folders.
    words = split('words', 'n01/1.png', 'n02/1.png', metainfo=dict(classes=('tench', 'goldfish')))
    assert labels_of(words) == {'n01': 0, 'n02': 1}
    agree_on_classes({'train': words, 'val': split('ids', 'n02/1.png')})


def test_data_sets_of_other_libraries_are_compared_too():
    def named(*names):
        return SimpleNamespace(metainfo=dict(classes=names))

    agree_on_classes({'train': named('a', 'b'), 'val': named('a', 'b'), 'x': SimpleNamespace()})
    agree_on_classes({'train': named('a', 'a'), 'val': named('a', 'a')})  # ImageNet has two cranes
    with pytest.raises(ValueError, match=r'val .* train\. Numbered differently \(2\): b, a\.'):
        agree_on_classes({'train': named('a', 'b'), 'val': named('b', 'a')})
    with pytest.raises(ValueError, match=r'Only in train \(1\): b\.'):
        agree_on_classes({'train': named('a', 'b'), 'val': named('a')})


def test_a_list_is_compared_by_the_folders_of_its_images(split, tmp_path):
    val = split('val', 'bee/1.png', 'cat/1.png')
    split('train', 'ant/1.png', 'bee/1.png', 'cat/1.png')

    def listed(*lines):
        (tmp_path / 'list.txt').write_text('\n'.join(lines))
        return split('train', ann_file='list.txt')

    agree_on_classes({'train': listed('ant/1.png 0', 'bee/1.png 1', 'cat/1.png 2'), 'val': val})
    assert labels_of(val) == {'bee': 1, 'cat': 2}
    few = listed('bee/1.png 1')  # some classes have no image in the list
    agree_on_classes({'train': few, 'val': val})
    with pytest.raises(ValueError, match=r'Numbered differently \(1\): cat'):
        agree_on_classes({'train': listed('ant/1.png 0', 'cat/1.png 5'), 'val': val})


def test_a_checkpoint_of_another_package_may_use_other_words(split, said):
    data = split('test', 'n01/1.png', 'n02/1.png')
    meta = dict(dataset_meta=dict(classes=['tench', 'goldfish']))
    agree_on_classes({'test': data}, ClassNames.of_checkpoint(meta))
    assert 'Only in test (2): n01, n02' in said[-1] and 'order of their numbers' in said[-1]
    own = {**meta, **ClassNames(folders=None).for_checkpoint()}
    with pytest.raises(ValueError, match='not those of the checkpoint'):
        agree_on_classes({'test': data}, ClassNames.of_checkpoint(own))
    agree_on_classes({'test': data}, ClassNames.of_checkpoint({}))


def test_lists_of_images_are_read_and_checked(split, tmp_path, said):
    split('train', 'a/1.png', 'a b/2.png', '3.jpg')

    def listed(text, with_label):
        (tmp_path / 'names.txt').write_text(text)
        data = split('train', ann_file='names.txt', with_label=with_label)
        return [data.get_data_info(index) for index in range(len(data))]

    found = listed('\ufeffa/1.png 0\n\n \na b/2.png\t3\n', with_label=True)
    assert [(record['img_path'], record['gt_label']) for record in found] == [
        (f'{tmp_path}/train/a/1.png', 0), (f'{tmp_path}/train/a b/2.png', 3)
    ]  # fmt: skip
    assert said[-1].endswith('names.txt: 2 images.')
    assert len(listed('a b/2.png\n\n3.jpg\n', with_label=False)) == 2
    for text, with_label, message in (
        ('', False, r'names\.txt names no image'),
        ('\n \n', True, r'names\.txt names no image'),
        ('a/1.png,1', True, r"names\.txt, line 1: 'a/1\.png,1' does not end in a blank and"),
        ('a/1.png 0\n\n3.jpg cat', True, r"line 3: '3\.jpg cat' .* \(1 of 2 lines do not\)"),
        ('3.jpg', True, r'with_label=False'),
        ('3.jpg -1', True, r'line 1'),
    ):
        with pytest.raises(ValueError, match=message):
            listed(text, with_label)
    with pytest.raises(
        FileNotFoundError, match=r"names\.txt, line 1: '3\.jpg 0' .*with_label=True"
    ):
        listed('3.jpg 0\n', with_label=False)
    with pytest.raises(ValueError, match=r'has the label 3, .* 2 classes, 0 to 1'):
        (tmp_path / 'names.txt').write_text('3.jpg 3')
        split('train', ann_file='names.txt', metainfo=dict(classes=('a', 'b')))


def test_a_list_that_is_no_utf_8_is_named(split, tmp_path):
    (tmp_path / 'names.txt').write_bytes('café.jpg 0\n'.encode('latin-1'))
    message = r'The list of images .*/names\.txt is no UTF-8 text \(.* byte 0xe9.*\): save it'
    with pytest.raises(ValueError, match=message):
        split('train', '1.jpg', ann_file='names.txt')


def test_imagenet_has_a_thousand_folders(tmp_path):
    """Hidden ones do not count."""
    for name in ('n01440764', 'n01443537', '.cache'):
        (tmp_path / 'train' / name).mkdir(parents=True)
    message = r'/train/? has 2 class folders, ImageNet-1k has 1000\. For other .* configs/own\.'
    with pytest.raises(ValueError, match=message):
        ImageNet(data_root=str(tmp_path), split='train')
