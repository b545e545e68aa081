"""What mcl init own refuses, in words, before it has written anything."""

import json

import numpy as np
import pytest
from test_init import class_folders, paint

from mcl_plugins.cli.own.init import main


def refused(root, kind, message, *words):
    """Run the command on ``root / 'photos'``; it raises, and leaves no configs."""
    with pytest.raises(kind, match=message):
        main(['--images', str(root / 'photos'), '--out', str(root / 'own'), *map(str, words)])
    assert not (root / 'own').exists()


def no_images(root):
    for name in ('a.png', 'b.jpg'):
        (root / name).write_bytes(b'no image')


def images_of_several_bands(root):
    tifffile = pytest.importorskip('tifffile')
    paint(root / '1.png')
    bands = np.zeros((64, 64, 5), np.uint8)
    tifffile.imwrite(root / '2.tif', bands, planarconfig='contig', photometric='minisblack')


@pytest.mark.parametrize(
    ('write', 'message'),
    [
        (no_images, r'photos: 2 of 2 images looked at cannot be read: a\.png, b\.jpg\. Repair or'),
        (
            images_of_several_bands,
            r'photos: images of several numbers of bands \(1 with 3, 1 with 5\): put .* own\.',
        ),
    ],
)
def test_images_that_cannot_be_used(tmp_path, write, message):
    (tmp_path / 'photos').mkdir()
    write(tmp_path / 'photos')
    refused(tmp_path, ValueError, f'^--images {tmp_path}/{message}')


def maps(root, values=(0, 2), suffixes=('jpg', 'jpg')):
    """Images and label maps of both splits; the maps have these values."""
    for split, suffix in zip(('train', 'val'), suffixes, strict=True):
        paint(root / f'images/{split}/0.{suffix}')
        for value in values:
            paint(root / f'labels/{split}/{value}.png', value, (8, 8))


def coco(root, name, *images):
    """A COCO file without objects."""
    root.mkdir(exist_ok=True)
    listed = [dict(id=index, file_name=image) for index, image in enumerate(images)]
    content = dict(images=listed, annotations=[], categories=[dict(id=1, name='cow')])
    (root / name).write_text(json.dumps(content))


def nothing(root):
    pass


def classes_of_val_alone(root):
    class_folders(root, count=1)
    for name in ('red', 'blue'):
        paint(root / f'val/{name}/0.png')


def images_without_maps(root):
    maps(root)
    for file in root.glob('labels/train/*.png'):
        file.unlink()


def maps_without_images(root):
    maps(root)
    for file in root.glob('images/*/*.jpg'):
        file.unlink()


def two_suffixes(root):
    maps(root, suffixes=('jpg', 'png'))


def too_few_names(root):
    maps(root)
    (root / 'classes.txt').write_text('road\nhouse\n\n')


def two_files_without_a_split(root):
    coco(root, 'a.json', '1.png')
    coco(root, 'b.json', '1.png')


def an_empty_split(root):
    coco(root, 'train.json', '1.png')
    coco(root, 'val.json')


def an_image_that_is_nowhere(root):
    coco(root, 'farm.json', 'lost.png')


@pytest.mark.parametrize(
    ('write', 'kind', 'message'),
    [
        (nothing, FileNotFoundError, r'--labels {root} does not exist\.$'),
        (
            classes_of_val_alone,
            ValueError,
            r'--labels {root}: val has the classes blue, red, which train has not\. .*: dark, '
            r'light\.$',
        ),
        (images_without_maps, ValueError, r'--labels {root}: no \*\.png in labels/train, or no im'),
        (maps_without_images, ValueError, r'--labels {root}: .*, or no images in images/\.$'),
        (
            two_suffixes,
            ValueError,
            r'--labels {root}: images end in \.jpg and \.png; .* one suffix\. Convert or rename',
        ),
        (
            too_few_names,
            ValueError,
            r'{root}/classes\.txt has 2 names, but .* the value 2: name all values from 0, one a',
        ),
        (
            two_files_without_a_split,
            ValueError,
            r'--labels: {root}/a\.json, {root}/b\.json are several COCO files, .* name two so\.$',
        ),
        (
            an_empty_split,
            ValueError,
            r'--labels: {root}/val\.json lists no image for val\. A single',
        ),
        (
            an_image_that_is_nowhere,
            FileNotFoundError,
            r'--labels: {root}/farm\.json lists the image lost\.png, which is in none of '
            r'{root}/farm, {root}/train, .*/photos\.$',
        ),
    ],
)
def test_labels_that_cannot_be_used(tmp_path, write, kind, message):
    paint(tmp_path / 'photos/1.png')
    labels = tmp_path / 'labels'
    write(labels)
    refused(tmp_path, kind, f'^{message.format(root=labels)}', '--labels', labels)


def test_a_network_that_the_method_has_no_config_of(tmp_path):
    paint(tmp_path / 'photos/1.png')
    message = r'^--arch swin-t: conmim has no config of it; it has vit-s, vit-b\.$'
    refused(tmp_path, FileNotFoundError, message, '--method', 'conmim', '--arch', 'swin-t')
