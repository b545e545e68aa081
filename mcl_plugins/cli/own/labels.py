"""What the labels of a folder are: class folders, label maps, or COCO files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from ...datasets.image_folder import check_names, group_by_folder
from ...datasets.listing import list_images
from ...segmentation.label_values import IGNORED, check_channels, check_values
from ...utils.images import IMAGE_SUFFIXES, is_utf8, name_unreadable, printable
from ...utils.reading import read_json

CLASSES, MAPS, OBJECTS = 'classes', 'maps', 'objects'
SPLITS = ('train', 'val')
# A split as a word of a name, such as train2017 or valid, but not trainval.
NAMED = {
    'train': re.compile(r'(?<![a-z])train(ing)?(?![a-z])'),
    'val': re.compile(r'(?<![a-z])val(id(ation)?)?(?![a-z])'),
}
HELD_OUT = 5  # every fifth image is held out where the folder has no val
LAYOUTS = """one of
  train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg: classes;
  images/train, images/val, labels/train and labels/val: label maps, PNG files of one channel;
  train.json and val.json, or one COCO file: objects.
See docs/own-data-labels.md."""


@dataclass
class Labels:
    """What was found.

    Attributes:
        root: the folder that the configs name.
        kind: ``CLASSES``, ``MAPS`` or ``OBJECTS``.
        names: of the classes.
        count: number of labelled training images.
        held_out: number of labelled images for validation.
        places: what the config's function takes for ``train`` and ``val``.
        written: files that have to be written beside the configs, with their content.
        masks: whether objects have outlines.
        suffixes: of images and label maps.
        note: sentence on what was derived.
    """

    root: Path
    kind: str
    names: list[str]
    count: int
    held_out: int
    places: dict[str, tuple[str, str]] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    masks: bool = True
    suffixes: tuple[str, str] = ('.jpg', '.png')
    note: str = ''

    def describe(self) -> str:
        """Describe them in a line."""
        kind = {CLASSES: 'folders', MAPS: 'label maps', OBJECTS: 'COCO files'}[self.kind]
        names = ', '.join(self.names[:6]) + ', ...' * (len(self.names) > 6)
        return (
            f'{len(self.names)} classes from {kind} ({names}), {self.count} images for training, '
            f'{self.held_out} for validation. {self.note}'.rstrip()
        )


def look_at_labels(root: Path, images: Path) -> Labels:
    """Find out what the labels are.

    Args:
        root: folder of labels, or a COCO file.
        images: folder of the images without labels, where a COCO file's may be, too.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: it is none of the known layouts.
    """
    if not root.exists():
        raise FileNotFoundError(f'--labels {root} does not exist.')
    files = [root] if root.is_file() else sorted({*root.glob('*.json'), *root.glob('*/*.json')})
    if coco := [file for file in files if file.suffix == '.json' and _is_coco(file)]:
        return _objects(coco, images)
    if root.is_dir():
        if all((root / part / split).is_dir() for part in ('images', 'labels') for split in SPLITS):
            return _maps(root)
        folders = group_by_folder(list_images(str(root), IMAGE_SUFFIXES))
        if set(SPLITS) <= folders.keys():
            return _split_classes(root)
        if len(folders) > 1:
            return _whole_classes(root, folders)
    raise ValueError(f'--labels {root} is not {LAYOUTS}')


def _split_classes(root: Path) -> Labels:
    """Class folders in ``train`` and ``val``."""
    groups = {}
    for split in SPLITS:
        groups[split] = group_by_folder(list_images(str(root / split), IMAGE_SUFFIXES))
        check_names(str(root / split), groups[split])
    names = sorted(groups['train'])
    if unknown := sorted(set(groups['val']) - set(names)):
        raise ValueError(
            f'--labels {root}: val has the classes {", ".join(unknown)}, which train has not. Its '
            'classes are the folders that have images: ' + ', '.join(names) + '.'
        )
    train, val = (sum(map(len, groups[split].values())) for split in SPLITS)
    return Labels(root, CLASSES, names, train, val, {split: (split, '') for split in SPLITS})


def _whole_classes(root: Path, folders: dict[str, list[str]]) -> Labels:
    """Class folders without a split: every fifth image of each class is held out."""
    check_names(str(root), folders)
    names = sorted(folders)
    lists: dict[str, list[str]] = {split: [] for split in SPLITS}
    unlisted = [file for name in names for file in folders[name] if not _fits_a_list(file)]
    for label, name in enumerate(names):
        listed = [file for file in folders[name] if _fits_a_list(file)]
        for place, file in enumerate(listed):
            split = 'val' if _is_held_out(place, len(listed)) else 'train'
            lists[split].append(f'{file} {label}\n')
    if not lists['val']:
        raise ValueError(
            f'--labels {root}: no class has two images, one of which could be held out. Add images.'
        )
    note = 'Every fifth image of a class is held out: train.txt, val.txt.'
    if unlisted:
        note += (
            f' They leave out {len(unlisted)} images whose names are no line of UTF-8 text, the '
            f'first is {printable(unlisted[0])}: rename them.'
        )
    return Labels(
        root,
        CLASSES,
        names,
        len(lists['train']),
        len(lists['val']),
        {split: ('', f'{split}.txt') for split in SPLITS},
        {f'{split}.txt': ''.join(lines) for split, lines in lists.items()},
        note=note,
    )


def _is_held_out(place: int, count: int) -> bool:
    """Whether an image of ``count`` is for validation: every fifth, or of fewer the last.

    Example:
        >>> [[place for place in range(n) if _is_held_out(place, n)] for n in (1, 3, 11)]
        [[], [2], [4, 9]]
    """
    if count < HELD_OUT:
        return 0 < place == count - 1
    return place % HELD_OUT == HELD_OUT - 1


def _fits_a_list(name: str) -> bool:
    """Whether a list of images, a UTF-8 text file, can have a name as a line."""
    return is_utf8(name) and '\n' not in name


def _maps(root: Path) -> Labels:
    """Label maps; the classes are the values that occur, or the lines of ``classes.txt``."""
    counts, suffixes = {}, []
    for split in SPLITS:
        listing = list_images(str(root / 'images' / split), IMAGE_SUFFIXES)
        counts[split] = len(listing.images)
        suffixes += [Path(name).suffix for name in listing.images]
    maps = {split: sorted((root / 'labels' / split).rglob('*.png')) for split in SPLITS}
    if not maps['train'] or not suffixes:
        raise ValueError(f'--labels {root}: no *.png in labels/train, or no images in images/.')
    kinds = sorted(set(suffixes))
    if len(kinds) > 1:
        raise ValueError(
            f'--labels {root}: images end in {" and ".join(kinds)}; segmentation data sets take '
            'one suffix. Convert or rename those of one kind.'
        )
    values, bad = _values(root, [file for split in SPLITS for file in maps[split]])
    _check_values(root, values)
    highest = max(values - {IGNORED})
    file = root / 'classes.txt'
    if file.is_file():
        names = _read_names(file)
        note = 'Names are those of classes.txt.'
        if len(names) <= highest:
            raise ValueError(
                f'{file} has {len(names)} names, but the label maps have the value {highest}: name '
                'all values from 0, one a line.'
            )
    else:
        names = [f'class {value}' for value in range(highest + 1)]
        note = 'A file classes.txt, one name a line from value 0, names them.'
    if bad:
        note += f' {bad}: repair or remove them before the training.'
    places = {split: (f'images/{split}', f'labels/{split}') for split in SPLITS}
    train, val = counts.values()
    pair = (kinds[0], '.png')
    return Labels(root, MAPS, names, train, val, places, suffixes=pair, note=note)


def _values(root: Path, maps: list[Path]) -> tuple[set[int], str]:
    """Return the values of label maps, and a sentence on those that cannot be read.

    All are read, as a rare class may be in one of them.

    Raises:
        ValueError: none can be read, or one is not what the training reads as a label map.
    """
    found: set[int] = set()
    unreadable = []
    for file in tqdm(maps, desc='label maps', unit='map', leave=False):
        try:
            with Image.open(file) as image:
                labels = np.asarray(image)
        except (OSError, SyntaxError, Image.DecompressionBombError):
            unreadable.append(str(file.relative_to(root)))
            continue
        check_channels(str(file), labels)
        check_values(str(file), labels)
        found.update(np.unique(labels).tolist())
    bad = name_unreadable(unreadable, len(maps), 'label maps')
    if len(unreadable) == len(maps):
        raise ValueError(f'--labels {root}: {bad}. Repair or remove them.')
    return found, bad


def _check_values(root: Path, values: set[int]) -> None:
    """Raise a ValueError if one class or none is left where pixels are ignored.

    Example:
        >>> _check_values(Path('maps'), {0, 1, 255})
    """
    if IGNORED not in values or len(values) > 2:
        return
    listed = ' and '.join(map(str, sorted(values)))
    left = 'one class' if len(values) == 2 else 'no class'
    raise ValueError(
        f'--labels {root}: the label maps have the value{"s" * (len(values) > 1)} {listed}, and '
        f'{IGNORED} is ignored, which leaves {left}. Number the classes from 0, here 0 and 1.'
    )


def _read_names(file: Path) -> list[str]:
    """Read names of classes, one a line.

    Raises:
        ValueError: the file is no UTF-8 text.
    """
    try:
        lines = file.read_text(encoding='utf-8-sig').splitlines()  # without Windows' mark
    except UnicodeDecodeError as error:
        raise ValueError(f'{file} is no UTF-8 text ({error}): save it as UTF-8.') from error
    return [line.strip() for line in lines if line.strip()]


def _is_coco(file: Path) -> bool:
    """Whether a JSON file has the three lists of COCO."""
    try:
        content = read_json(file, '')
    except ValueError:
        return False
    return {'images', 'annotations', 'categories'} <= content.keys()


def _objects(files: list[Path], images: Path) -> Labels:
    """COCO files: one for each split, or one of which every fifth image is held out."""
    named = {split: [file for file in files if _split_of(file) == split] for split in SPLITS}
    both = all(len(found) == 1 for found in named.values())
    if not both and len(files) > 1:
        raise ValueError(
            f'--labels: {", ".join(map(str, files))} are several COCO files, but not one with '
            'train and one with val in the name of the file or its folder: give one file, or name '
            'two so.'
        )
    chosen = {split: named[split][0] if both else files[0] for split in SPLITS}
    content = {split: read_json(file, 'Write it again.') for split, file in chosen.items()}
    names = [category['name'] for category in content['train']['categories']]
    parent = files[0].parent
    written = {}
    if not both:
        for split in SPLITS:
            content[split] = _part(content[split], split)
            written[f'{split}.json'] = json.dumps(content[split])
    places = {}
    for split, file in chosen.items():
        folder = _image_folder(content[split], file, split, images)
        places[split] = (str(file.resolve()) if both else f'{split}.json', str(folder.resolve()))
    masks = all(
        bool(note.get('segmentation')) for note in content['train']['annotations']
    ) and bool(content['train']['annotations'])
    train, val = (len(content[split]['images']) for split in SPLITS)
    note = '' if both else 'Every fifth image is held out: train.json, val.json.'
    if not masks:
        note += ' Objects have boxes and no outlines.'
    note = note.strip()
    return Labels(parent, OBJECTS, names, train, val, places, written, masks=masks, note=note)


def _split_of(file: Path) -> str | None:
    """Return the split that a file's name has as a word, or else that of its folder.

    Example:
        >>> [_split_of(Path(name)) for name in ('instances_val2017.json', 'valid/coco.json')]
        ['val', 'val']
        >>> _split_of(Path('trainval.json')) is None
        True
    """
    for name in (file.stem.lower(), file.parent.name.lower()):
        found = [split for split, word in NAMED.items() if word.search(name)]
        if len(found) == 1:
            return found[0]
    return None


def _part(content: dict, split: str) -> dict:
    """Return the images of a split of a COCO file, with their objects."""
    images = [
        image
        for place, image in enumerate(content['images'])
        if _is_held_out(place, len(content['images'])) == (split == 'val')
    ]
    kept = {image['id'] for image in images}
    objects = [note for note in content['annotations'] if note['image_id'] in kept]
    return {**content, 'images': images, 'annotations': objects}


def _image_folder(content: dict, file: Path, split: str, images: Path) -> Path:
    """Find the folder that has the images of a COCO file.

    Raises:
        FileNotFoundError: none has.
    """
    if not content['images']:
        raise ValueError(
            f'--labels: {file} lists no image for {split}. A single file needs two images, that of '
            'a split needs one.'
        )
    name = content['images'][0]['file_name']
    stem = file.stem.removeprefix('instances_')
    parents = (file.parent, file.parent.parent)
    tried = [
        place / part
        for place in parents
        for part in (stem, split, f'images/{stem}', f'images/{split}', 'images', '.')
    ]
    for folder in [*tried, images]:
        if (folder / name).is_file():
            return folder
    raise FileNotFoundError(
        f'--labels: {file} lists the image {name}, which is in none of '
        f'{", ".join(str(folder) for folder in [*tried, images])}.'
    )
