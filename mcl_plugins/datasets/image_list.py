"""Text files that list images, each with or without the number of its class."""

from __future__ import annotations

from pathlib import Path

from mmengine.fileio import get_file_backend, list_from_file

LOOKED_AT = 100  # listed files whose existence is checked


def read_image_list(path: str, folder: str, with_label: bool) -> list[tuple[str, int | None]]:
    """Read a list of images; blank lines are skipped.

    Args:
        path: text file with one image per line, ``cat/1.jpg 0`` or, without labels, ``cat/1.jpg``.
        folder: the folder to which the names are relative.
        with_label: whether each line ends in the number of the class.

    Returns:
        Name and label of each image; the label is None without labels.

    Raises:
        FileNotFoundError: the list, or a listed file among those looked at, does not exist.
        ValueError: the list is no UTF-8 text or names no image, or a line has no label.
    """
    try:
        lines = list_from_file(path)
    except UnicodeDecodeError as error:
        raise ValueError(
            f'The list of images {path} is no UTF-8 text ({error}): save it as UTF-8.'
        ) from error
    numbered = [
        (number, line.removeprefix('\ufeff'))  # a mark that editors on Windows write first
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if not numbered:
        raise ValueError(
            f'The list of images {path} names no image: write one image per line, or set ann_file='
            ' (empty) to use all images of the folder.'
        )
    samples = [_parse(line, with_label) for _, line in numbered]
    wrong = [index for index, (_, label) in enumerate(samples) if with_label and label is None]
    if wrong:
        number, line = numbered[wrong[0]]
        raise ValueError(
            f'The list of images {path}, line {number}: {line!r} does not end in a blank and the '
            f'number of a class, counted from 0 ({len(wrong)} of {len(samples)} lines do not). '
            "Write lines such as 'cat/1.jpg 0', or set with_label=False if the images have no "
            'labels.'
        )
    _check_files(path, folder, numbered, [name for name, _ in samples])
    return samples


def _parse(line: str, with_label: bool) -> tuple[str, int | None]:
    """Split a line; a label that is missing or no number is None."""
    if not with_label:
        return line, None
    name, *label = line.strip().rsplit(maxsplit=1)
    number = label[0] if label else ''
    return name, int(number) if number.isascii() and number.isdigit() else None


def _check_files(path: str, folder: str, numbered: list[tuple[int, str]], names: list[str]) -> None:
    """Raise a FileNotFoundError if some of the listed files, evenly spread, do not exist."""
    if '://' in folder:
        return  # they are in another storage backend
    backend = get_file_backend(folder, enable_singleton=True)
    looked_at = range(0, len(names), -(-len(names) // LOOKED_AT))
    files = {index: backend.join_path(folder, names[index]) for index in looked_at}
    missing = [index for index in looked_at if not Path(files[index]).is_file()]
    if not missing:
        return
    number, line = numbered[missing[0]]
    raise FileNotFoundError(
        f'The list of images {path}, line {number}: {line!r} names the file '
        f'{files[missing[0]]!r}, which does not exist ({len(missing)} of the {len(looked_at)} '
        f'files looked at do not). Names are relative to {folder!r}; a line may end in '
        'a label only with with_label=True.'
    )
