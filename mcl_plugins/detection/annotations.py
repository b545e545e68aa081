"""Annotation files in COCO's format: what pycocotools and mmdet would lose without a word.

Fields that follow from others are derived, with a notice; all other faults are errors that name the
file, the annotation or image, and the field.
"""

from __future__ import annotations

import json
from collections import Counter
from math import isfinite
from pathlib import Path
from typing import Any

from pycocotools import mask as masks

MASK_FIELD = 'segmentation'
_FORM = 'a list of polygons [x1, y1, x2, y2, x3, y3, ...] or an RLE of counts and size'


class AnnotationFile:
    """A file of images, annotations and categories, checked and completed.

    Args:
        path: the file.
        with_masks: whether each object needs a mask.

    Attributes:
        content: what the file holds, with the derived fields.
        completed: whether pycocotools could not use the file as it is.
        notices: messages on what was derived or is left out; each names the file.

    Raises:
        ValueError: the file is not in COCO's format, an id, category, box or mask is wrong or
            missing, or no object has a usable box.
    """

    def __init__(self, path: str | Path, with_masks: bool = False) -> None:
        self.path = str(path)
        self.with_masks = with_masks
        self.completed = False
        self.notices: list[str] = []
        self._derived: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self.content = self._read()
        self.images = {image['id']: image for image in self.content['images']}
        self._check_images()
        self._check_categories()
        if self.content.get('annotations'):
            self._check_annotations(self.content['annotations'])

    def _read(self) -> dict[str, Any]:
        try:
            with Path(self.path).open(encoding='utf-8') as file:
                content = json.load(file)
            if not isinstance(content, dict):
                raise TypeError(f'a {type(content).__name__} and not a dict')
            for key in ('images', 'categories', 'annotations'):
                for entry in content[key] if key != 'annotations' else content.get(key, ()):
                    if not isinstance(entry, dict):
                        raise TypeError(f'{key} holds a {type(entry).__name__} and not dicts')
            for key, field in (('images', 'id'), ('categories', 'id'), ('categories', 'name')):
                for index, entry in enumerate(content[key]):
                    if field not in entry:
                        raise KeyError(f'{field} of {key}[{index}]')
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f'{self.path} is not a COCO file of images, annotations and categories, or is '
                f'incomplete ({type(error).__name__}: {error}). Write or unpack it again.'
            ) from error
        return content

    def _check_images(self) -> None:
        twice = _repeated(image['id'] for image in self.content['images'])
        if twice is not None:
            names = [
                str(image.get('file_name'))
                for image in self.content['images']
                if image['id'] == twice
            ]
            raise self._error(
                f'{len(names)} images have the id {twice!r} ({", ".join(names[:3])}): only the '
                'last of them would be used, with the objects of all. Give each image an id of its '
                'own and set image_id of its annotations to that.'
            )
        for image in self.content['images']:
            if not isinstance(image.get('file_name'), str):
                raise self._error(f'image {image["id"]!r} has no file_name. Add it.')
            for field in ('height', 'width'):
                if not _is_number(image.get(field)) or image[field] <= 0:
                    raise self._error(
                        f'image {image["id"]!r} ({image["file_name"]}) has the {field} '
                        f'{image.get(field)!r}: add the {field} of the image file, in pixels.'
                    )

    def _check_categories(self) -> None:
        for field in ('id', 'name'):
            twice = _repeated(category[field] for category in self.content['categories'])
            if twice is not None:
                raise self._error(
                    f'two categories have the {field} {twice!r}: each needs one of its own.'
                )

    def _check_annotations(self, annotations: list[dict]) -> None:
        self._check_ids(annotations)
        categories = {category['id'] for category in self.content['categories']}
        stray = [a for a in annotations if a.get('image_id') not in self.images]
        by_text = {str(number): number for number in self.images} if stray else {}
        for annotation in stray:
            self._check_stray(annotation, by_text)
        used = [a for a in annotations if a['image_id'] in self.images] if stray else annotations
        for annotation in used:
            if annotation.get('category_id') not in categories:
                raise self._error(
                    f'annotation {annotation["id"]!r} has the category_id '
                    f'{annotation.get("category_id")!r}, which is not among the categories '
                    f'({_listed(categories)}): it would be left out. Add the category or '
                    'remove the annotation.'
                )
            image = self.images[annotation['image_id']]
            self._complete_mask(annotation, image)
            self._complete_box(annotation)
            self._complete_area(annotation, image)
            if not isinstance(annotation.get('iscrowd'), int):
                annotation['iscrowd'] = int(bool(annotation.get('iscrowd')))
                self._note('iscrowd', annotation)
        self.content['annotations'] = used
        self.completed |= bool(self._derived)
        self._give_notice(len(annotations), stray)
        self._check_boxes(used)

    def _check_ids(self, annotations: list[dict]) -> None:
        ids = [annotation.get('id') for annotation in annotations]
        if all(type(number) is int and number != 0 for number in ids):
            twice = _repeated(ids)
            if twice is None:
                return
            raise self._error(
                f'{ids.count(twice)} annotations have the id {twice!r}. Number the annotations '
                'from 1.'
            )
        for number, annotation in enumerate(annotations, start=1):
            annotation['id'] = number
        self.completed = True
        what = 'a 0, which pycocotools takes for "not found"' if 0 in ids else 'some that are none'
        self.notices.append(
            f'{self.path}: the ids of the annotations have {what}; they are numbered anew from 1, '
            'in their order.'
        )

    def _check_stray(self, annotation: dict, by_text: dict[str, Any]) -> None:
        name = annotation.get('image_id')
        if name is None:
            raise self._error(f'annotation {annotation["id"]!r} has no image_id. Add it.')
        if str(name) in by_text:
            raise self._error(
                f'annotation {annotation["id"]!r} has the image_id {name!r}, the image has the id '
                f'{by_text[str(name)]!r}: write both as numbers.'
            )

    def _complete_mask(self, annotation: dict, image: dict) -> None:
        mask = annotation.get(MASK_FIELD)
        if isinstance(mask, list) and mask and all(isinstance(part, list) for part in mask):
            whole = [part for part in mask if _is_polygon(part)]
            if whole and len(whole) < len(mask):
                annotation[MASK_FIELD] = whole
                self._note('polygons', annotation)
            valid = bool(whole)
        else:
            valid = _is_rle(mask, image)
        if valid:
            return
        if self.with_masks:
            name = f'annotation {annotation["id"]!r}'
            if not mask:
                raise self._error(
                    f'{name} has no mask ({MASK_FIELD}), but the pipeline loads masks: '
                    f'add {_FORM}, or use a detector without a mask head, set with_mask=False of '
                    "LoadAnnotations and metric='bbox' of the evaluators."
                )
            raise self._error(
                f'{name} has the {MASK_FIELD} {_shortened(mask)}: it must be {_FORM}, with three '
                f'points or more and the size [{image["height"]}, {image["width"]}] of its image. '
                'Mend or remove it.'
            )
        if mask:
            annotation.pop(MASK_FIELD)  # nobody asks for it, and pycocotools may fail on it

    def _complete_box(self, annotation: dict) -> None:
        box = annotation.get('bbox')
        if box is None and isinstance(annotation.get(MASK_FIELD), list):
            polygons = annotation[MASK_FIELD]
            xs = [x for polygon in polygons for x in polygon[::2]]
            ys = [y for polygon in polygons for y in polygon[1::2]]
            box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
            annotation['bbox'] = box
            self._note('bbox', annotation)
        if not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))):
            raise self._error(
                f'annotation {annotation["id"]!r} has the bbox {_shortened(box)}: it must be [x, '
                'y, width, height] in pixels. Mend or remove it.'
            )

    def _complete_area(self, annotation: dict, image: dict) -> None:
        if _is_number(annotation.get('area')):
            return
        mask = annotation.get(MASK_FIELD)
        if mask:
            coded: Any = mask
            if isinstance(mask, list) or isinstance(mask['counts'], list):
                coded = masks.frPyObjects(mask, int(image['height']), int(image['width']))
            area = masks.area(masks.merge(coded) if isinstance(coded, list) else coded)
        else:
            area = annotation['bbox'][2] * annotation['bbox'][3]
        annotation['area'] = float(area)
        self._note('area', annotation)

    def _note(self, field: str, annotation: dict) -> None:
        self._derived[field] += 1
        self._first.setdefault(field, repr(annotation['id']))

    def _give_notice(self, total: int, stray: list[dict]) -> None:
        words = {
            'iscrowd': 'have no iscrowd; it is taken for 0',
            'area': 'have no area; it is that of the mask, or of the box where there is no mask',
            'bbox': 'have no bbox; it is that around the polygons',
            'polygons': f'have polygons of fewer than three points in {MASK_FIELD}; these polygons '
            'are left out',
        }
        for field, count in self._derived.items():
            self.notices.append(
                f'{self.path}: {count} of {total} annotations {words[field]} (the first is '
                f'annotation {self._first[field]}).'
            )
        if stray:
            self.notices.append(
                f'{self.path}: {len(stray)} of {total} annotations are left out, because their '
                f'image_id is not among the images (the first is annotation {stray[0]["id"]!r}, '
                f'image_id {stray[0]["image_id"]!r}).'
            )

    def _check_boxes(self, annotations: list[dict]) -> None:
        lost, beyond = [], []
        for annotation in annotations:
            x, y, width, height = annotation['bbox']
            image = self.images[annotation['image_id']]
            right, bottom = x + width, y + height
            outside = right <= 0 or bottom <= 0 or x >= image['width'] or y >= image['height']
            if width < 1 or height < 1 or outside or annotation['area'] <= 0:
                lost.append(annotation)
            elif right > image['width'] + 2 or bottom > image['height'] + 2:
                beyond.append(annotation)
        form = 'A bbox is [x, y, width, height] in pixels, not two corners and not a fraction.'
        for found, what in (
            (lost, 'are not trained on: they are smaller than a pixel, or outside of their image'),
            (beyond, 'have a bbox that reaches beyond their image'),
        ):
            if found:
                text = (
                    f'{self.path}: {len(found)} of {len(annotations)} objects {what} (the first '
                    f'is annotation {found[0]["id"]!r}, bbox {found[0]["bbox"]}). {form}'
                )
                if found is lost and len(lost) == len(annotations):
                    raise ValueError(text)
                self.notices.append(text)

    def _error(self, text: str) -> ValueError:
        return ValueError(f'{self.path}: {text}')


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_polygon(points: list) -> bool:
    try:
        total = sum(points)  # fast: COCO's files have tens of millions of coordinates
    except TypeError:
        return False
    return len(points) >= 6 and len(points) % 2 == 0 and isfinite(total)


def _is_rle(mask: Any, image: dict) -> bool:
    return (
        isinstance(mask, dict)
        and isinstance(mask.get('counts'), list | str)
        and list(mask.get('size') or ()) == [image['height'], image['width']]
    )


def _repeated(values: Any) -> Any:
    """Return the first value that occurs twice, or None."""
    seen = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'


def _listed(values: set) -> str:
    names = [repr(value) for value in sorted(values, key=str)]
    return ', '.join(names if len(names) <= 8 else [*names[:8], '...'])
