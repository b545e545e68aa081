"""Draw what a model finds in the images of a folder: mcl predict CONFIG --images FOLDER.

    mcl predict CONFIG [CHECKPOINT] --images FOLDER [--out DIR] [--count N] [--score 0.3]

CONFIG is that of a classifier, a segmentor or a detector; CHECKPOINT is by default the best one of
its work dir, or the last. Images are read as in a test; those that cannot be read are left out and
named in a warning at the end. A picture of each is written into DIR, and

- predictions.csv, of a classifier: file, class and score;
- maps/*.png, of a segmentor: the number of the class of each pixel;
- predictions.json, of a detector: file, class, score and box (left, top, right, bottom in pixels).
"""

from __future__ import annotations

import csv
import glob
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import mmpretrain.visualization  # noqa: F401  registers the visualizer of classifiers
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import MODELS, VISUALIZERS, init_default_scope
from PIL import Image
from tqdm import tqdm

from ..checkpoint.latest import checkpoint_folder, find_checkpoint
from ..checkpoint.whole_model import load_whole
from ..datasets.checked_images import settle_bit_depth
from ..engine.checkpoints import out_dir_of
from ..engine.statistics import warn_of_checkpoint
from ..own.bands import kind
from ..own.wrapped import pipeline_of
from ..transforms import find_loader, use_own_loader
from ..utils.images import UnreadableImageError, name_unreadable, open_rgb, printable
from ..utils.writing import atomic_write, write_json
from .common import load_config
from .decoder import decoder_of
from .parsers.general import predict as parse_args
from .visualize.pictures import pick_files

LABELS = ('LoadAnnotations',)  # steps of a test's pipeline that images without labels lack


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the pictures that the command line asks for."""
    predict(**vars(parse_args(argv)))


def predict(
    config: str | Path,
    images: Sequence[Path],
    checkpoint: str | Path | None = None,
    out: Path | None = None,
    count: int | None = None,
    score: float = 0.3,
    cfg_options: dict[str, Any] | None = None,
) -> Path:
    """Apply a model to images and write pictures and predictions.

    A file that cannot be read is left out, with a warning that names it.

    Args:
        config: of a classifier, a segmentor or a detector: a path, or a name among the package's
            own configs.
        images: image files, or folders to choose images from.
        checkpoint: of the complete model; by default the best one of the config's work dir, or the
            last.
        out: folder; by default ``predictions`` in the work dir.
        count: number of images, evenly spread; all by default.
        score: of a detector, the smallest score that is drawn and written.
        cfg_options: options of the config to override, by dotted name.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: there is no such config, image or checkpoint.
        ValueError: the config is that of a pre-training, the checkpoint does not fit it, or none of
            the images can be read.
    """
    cfg = load_config(config, cfg_options=cfg_options)
    if not cfg.get('test_dataloader'):
        raise ValueError(
            f'{config} is a pre-training config, whose model names nothing: give the config of the '
            'training on labels.'
        )
    out = Path(out or Path(cfg.work_dir, 'predictions'))
    model, classes = load_model(cfg, str(checkpoint or find_trained(cfg)))
    files = pick_files(images, count)
    read = _reading(cfg, files)
    out.mkdir(parents=True, exist_ok=True)
    write = WRITERS[cfg.default_scope]
    draw = _drawing(cfg, classes, score)
    rows: list[dict] = []
    unreadable: dict[Path, Exception] = {}
    for number, file in enumerate(tqdm(files, desc='predicting', unit='image')):
        try:
            data, image = read(file, number)
        except (UnreadableImageError, OSError) as error:
            unreadable[file] = error
            continue
        with torch.no_grad():
            (sample,) = model.test_step(pseudo_collate([data]))
        place = out / f'{number:05d}_{file.stem}.png'
        draw(image, sample, place)
        rows += write(file, sample.cpu(), place, classes, score)
    if len(unreadable) == len(files):
        raise ValueError(f'{describe_unreadable(unreadable, len(files))}.')
    _finish(cfg.default_scope, out, rows)
    print(f'{len(files) - len(unreadable)} pictures: {printable(out)}')
    if unreadable:
        message = f'{describe_unreadable(unreadable, len(files))}; they are left out.'
        warnings.warn(message, stacklevel=2)
    return out


def describe_unreadable(unreadable: Mapping[Path, Exception], total: int) -> str:
    """Say which of ``total`` images cannot be read, and why the first of them cannot.

    Example:
        >>> describe_unreadable({Path('cat.jpg'): ValueError('no image format.')}, total=5)
        '1 of 5 images cannot be read: cat.jpg (the first: no image format)'
    """
    reason = printable(str(next(iter(unreadable.values())))).rstrip('.')
    return f'{name_unreadable(list(unreadable), total)} (the first: {reason})'


def _reading(
    config: Config, files: Sequence[Path]
) -> Callable[[Path, int], tuple[dict, np.ndarray]]:
    """Return a function that reads an image as in a test, and (H, W, 3) uint8 RGB for a picture.

    Files of more than 8 bits have the bit depth of all of them, as in a data set.
    """
    steps = pipeline_of(config.test_dataloader.dataset)
    pipeline = Compose([step for step in steps if kind(step) not in LABELS])
    use_own_loader(pipeline.transforms)
    loader = find_loader(pipeline.transforms)
    decoder = loader.decoder if loader else decoder_of(config.test_dataloader)
    with suppress(UnreadableImageError):  # which says nothing of the files that can be read
        settle_bit_depth(decoder, [str(file) for file in files])

    def read(file: Path, number: int) -> tuple[dict, np.ndarray]:
        data = pipeline({'img_path': str(file), 'img_id': number, 'reduce_zero_label': False})
        return data, np.asarray(open_rgb(file, decoder).convert('RGB'))

    return read


def find_trained(config: Config) -> str:
    """Return the best checkpoint of a config's training, or the last.

    Raises:
        FileNotFoundError: there is none.
    """
    out_dir = out_dir_of(config)
    folder = checkpoint_folder(config.work_dir, out_dir)
    best = _best_files(folder, config)
    found = str(best[-1]) if best else find_checkpoint(config.work_dir, out_dir)
    if not found:
        raise FileNotFoundError(
            f'{folder} has no checkpoint: train the model with mcl train '
            f'{config.filename}, or name its checkpoint.'
        )
    return found


def _best_files(folder: Path, config: Config) -> list[Path]:
    """List the best checkpoints by the first metric of ``save_best``, the newest last."""
    hook = config.get('default_hooks', {}).get('checkpoint') or {}
    metrics = hook.get('save_best') or 'auto'
    first = metrics if isinstance(metrics, str) else metrics[0]
    named = '*' if first == 'auto' else f'{glob.escape(first.replace("/", "_"))}_*'
    return sorted(folder.glob(f'best_{named}.pth'), key=lambda file: file.stat().st_mtime)


def load_model(config: Config, checkpoint: str) -> tuple[Any, tuple[str, ...]]:
    """Build the model of a config with the weights of a checkpoint, in evaluation mode.

    Returns:
        The model, and the names of its classes as the checkpoint has them.

    Raises:
        ValueError: the checkpoint does not fit.
    """
    init_default_scope(config.default_scope)
    part = config.model
    part.get('backbone', {}).pop('init_cfg', None)  # the checkpoint has all weights
    if config.default_scope == 'mmpretrain':
        part = {'data_preprocessor': config.get('data_preprocessor'), **part}
    model = MODELS.build(part)
    content = load_whole(model, checkpoint)
    warn_of_checkpoint(model, checkpoint, content)
    meta = content.get('meta', {}).get('dataset_meta') or {}
    model.to('cuda' if torch.cuda.is_available() else 'cpu').eval()
    return model, tuple(printable(name) for name in meta.get('classes') or ())


def _drawing(
    config: Config, classes: tuple[str, ...], score: float
) -> Callable[[np.ndarray, Any, Path], None]:
    """Return a function that draws the prediction of an image, (H, W, 3) RGB, into a file."""
    settings = {**config.visualizer, 'vis_backends': None, 'name': 'predictions'}
    visualizer = VISUALIZERS.build(settings)
    rng = np.random.default_rng(0)
    palette = [tuple(map(int, colour)) for colour in rng.integers(40, 256, (len(classes), 3))]
    visualizer.dataset_meta = {'classes': classes, 'palette': palette}

    def draw(image: np.ndarray, sample: Any, place: Path) -> None:
        options = dict(draw_gt=False, out_file=str(place))
        if config.default_scope == 'mmpretrain':
            visualizer.visualize_cls(image, sample, classes=classes, **options)
        elif config.default_scope == 'mmdet':
            visualizer.add_datasample(place.stem, image, sample, pred_score_thr=score, **options)
        else:
            visualizer.add_datasample(place.stem, image, sample, **options)

    return draw


def _of_classifier(
    file: Path, sample: Any, place: Path, classes: Sequence[str], score: float
) -> list[dict]:
    label = int(sample.pred_label)
    named = classes[label] if classes else str(label)
    score = round(float(sample.pred_score[label]), 4)
    return [{'file': printable(file), 'class': named, 'score': score}]


def _of_segmentor(
    file: Path, sample: Any, place: Path, classes: Sequence[str], score: float
) -> list[dict]:
    folder = place.parent / 'maps'
    folder.mkdir(exist_ok=True)
    labels = sample.pred_sem_seg.data[0].numpy()
    highest = max(len(classes) - 1, int(labels.max(initial=0)))
    labels = labels.astype(np.uint8 if highest < 256 else np.uint16)
    Image.fromarray(labels).save(folder / place.name)
    return []


def _of_detector(
    file: Path, sample: Any, place: Path, classes: Sequence[str], score: float
) -> list[dict]:
    found = sample.pred_instances
    found = found[found.scores >= score]
    return [
        {
            'file': printable(file),
            'class': classes[int(label)] if classes else int(label),
            'score': round(float(value), 4),
            'box': [round(side, 1) for side in box.tolist()],
        }
        for label, value, box in zip(found.labels, found.scores, found.bboxes, strict=True)
    ]


WRITERS = {'mmpretrain': _of_classifier, 'mmseg': _of_segmentor, 'mmdet': _of_detector}


def _finish(scope: str, out: Path, rows: list[dict]) -> None:
    """Write the table of the predictions."""
    if scope == 'mmpretrain':
        place = out / 'predictions.csv'
        with atomic_write(place) as part, part.open('w', encoding='utf-8', newline='') as file:
            table = csv.DictWriter(file, ('file', 'class', 'score'))
            table.writeheader()
            table.writerows(rows)
    elif scope == 'mmdet':
        write_json(out / 'predictions.json', rows, indent=1)
