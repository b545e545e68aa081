"""Write configs for your own images: mcl init own --images PHOTOS --labels LABELS.

    mcl init own --images photos [--labels labelled] [--method conmim] [--arch vit-s] [--out own]

The command looks at the images (number, sizes, bands, bits, suffixes), at the labels (class
folders, label maps or a COCO file, see docs/own-data-labels.md) and at the free memory, and writes

- pretrain.py, the pre-training on all images (for MimCo also teacher.py, which is trained before);
- classify.py, segment.py or detect.py, the training on the labels.

Each value has a comment that says why it was chosen; edit it there. Then, as the command prints it:
mcl train pretrain.py, mcl train classify.py, and mcl predict classify.py --images FOLDER.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from ...utils.images import printable
from ...utils.places import home
from ..common import load_config
from ..methods import methods
from ..parsers.own import init as parse_args
from .choices import (
    Value,
    choose_arch,
    choose_batch,
    choose_epochs,
    choose_image_size,
    of_downstream,
    of_pretraining,
)
from .images import Images, look_at_images
from .labels import CLASSES, MAPS, OBJECTS, Labels, look_at_labels
from .memory import bytes_per_image, free_memory, largest_batch
from .text import render

TASKS = {
    CLASSES: ('classify', 'classification', ('in1k-finetune_{}',)),
    MAPS: ('segment', 'segmentation', ('ade20k-upernet_{}',)),
    OBJECTS: (
        'detect',
        'detection',
        ('coco-mask-rcnn_{}', 'coco-vitdet_{}_100e', 'coco-vitdet_{}_50e'),
    ),
}
# A teacher of MimCo for each kind of network, and whose fine-tuning is of the same network.
TEACHERS = {'swin-t': 'moby', 'swin-b': 'moby', 'vit-s': 'mocov3', 'vit-b': 'mocov3'}
SAME_NETWORK = {'moby': 'mimco', 'masked_byol': 'masked_moco'}


def main(argv: Sequence[str] | None = None) -> None:
    """Write the configs that the command line asks for and print what to run."""
    write_configs(**vars(parse_args(argv)))


def write_configs(
    images: Path,
    labels: Path | None = None,
    method: str = 'conmim',
    arch: str | None = None,
    out: Path = Path('own'),
) -> list[Path]:
    """Look at images and labels and write configs for them.

    Args:
        images: folder of images, searched through all its levels.
        labels: folder of labels, or a COCO file; None for a pre-training only.
        method: folder of the method's configs.
        arch: network, ``'vit-s'``, ``'vit-b'`` or ``'swin-t'``; by default chosen.
        out: folder for the configs and for what they train.

    Returns:
        The configs, in the order in which they are trained.

    Raises:
        FileNotFoundError: a folder does not exist, or the method has no such config.
        ValueError: images or labels are none that can be used, or ``out`` has configs.
    """
    check_free(out)
    found = look_at_images(images)
    named = look_at_labels(labels, images) if labels else None
    summary = f'images: {found.count} in {images}: {found.describe()}. {found.left_out}'
    print(printable(summary).rstrip())
    if named:
        print(printable(f'labels: {named.describe()}'))
    network = choose_arch(method, found, arch)
    downstream = find_downstream(method, network.value, named, asked=bool(arch)) if named else None
    if downstream and downstream[0] != network.value:
        network = Value(downstream[0], f'{method} has a config for these labels only of it')
    folder = out.resolve()
    stages = ['teacher', 'pretrain'] if method == 'mimco' else ['pretrain']
    configs = {}
    size, epochs = choose_image_size(found, network.value), choose_epochs(found)
    for stage in stages:
        owner = TEACHERS[network.value] if stage == 'teacher' else method
        base = find_config(owner, network.value)
        values = of_pretraining(found, named, size, Value(2), epochs)
        if method == 'mimco' and stage == 'pretrain':
            values['teacher'] = Value(last_checkpoint(folder, 'teacher', epochs.value))
        configs[stage] = render(base, 'pretraining', values, folder / stage, network)
        values['batch_size'] = measure_batch(configs[stage], found)
        configs[stage] = render(base, 'pretraining', values, folder / stage, network)
    if named and downstream:
        name, function, _ = TASKS[named.kind]
        checkpoint = last_checkpoint(folder, 'pretrain', epochs.value)
        chosen = of_downstream(found, named, size, free_memory()[0], str(folder), checkpoint)
        configs[name] = render(downstream[1], function, chosen, folder / name, network)
    return write(out, configs, named, found)


def check_free(out: Path) -> None:
    """Raise a ValueError if a folder has configs already."""
    if present := sorted(file.name for file in out.glob('*.py')):
        raise ValueError(
            f'--out {out} has {", ".join(present)} already, perhaps edited: name another folder, '
            'or remove them.'
        )


def find_config(method: str, arch: str) -> str:
    """Return the name of a method's config for a network.

    Raises:
        FileNotFoundError: there is none; the message lists those that there are.
    """
    folder = home() / 'configs' / method
    if (folder / f'{arch}.py').is_file():
        return f'{method}/{arch}.py'
    if not folder.is_dir():
        names = ', '.join(each.folder for each in methods())
        raise FileNotFoundError(f'--method {method}: there is no such method; there are {names}.')
    networks = [name for name in ('vit-s', 'vit-b', 'swin-t') if (folder / f'{name}.py').is_file()]
    raise FileNotFoundError(
        f'--arch {arch}: {method} has no config of it; it has {", ".join(networks)}.'
    )


def find_downstream(method: str, arch: str, labels: Labels, asked: bool) -> tuple[str, str]:
    """Return the network and the name of the config of the training on labels.

    Args:
        method: folder of the method.
        arch: network that was chosen; another one of the method's is taken if it has no config for
            the labels.
        labels: the labels.
        asked: whether the network was asked for.

    Raises:
        FileNotFoundError: the method has none.
    """
    configs = home() / 'configs'
    archs = [arch] if asked else [arch, 'vit-b', 'vit-s', 'swin-t']
    for each in archs:
        for owner in dict.fromkeys((method, SAME_NETWORK.get(method, method))):
            for pattern in TASKS[labels.kind][2]:
                name = f'{owner}/transfer/{pattern.format(each)}.py'
                if (configs / name).is_file() and (configs / method / f'{each}.py').is_file():
                    return each, name
    able = sorted(
        {
            file.parts[-3]
            for pattern in TASKS[labels.kind][2]
            for file in configs.glob(f'*/transfer/{pattern.format("*")}.py')
        }
    )
    raise FileNotFoundError(
        f'--method {method}{f" --arch {arch}" * asked}: no config for such labels '
        f'({TASKS[labels.kind][1]}). Methods that have one: {", ".join(able)}.'
    )


def last_checkpoint(folder: Path, stage: str, epochs: int) -> str:
    """Return the file that a pre-training ends with."""
    return str(folder / stage / f'epoch_{epochs}.pth')


def measure_batch(text: str, images: Images) -> Value:
    """Choose the batch of a pre-training by the memory that its config needs."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'pretrain.py')
        file.write_text(text, encoding='utf-8')
        config = load_config(file)
    image, parameters = bytes_per_image(config)
    free, place = free_memory()
    half = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    fitting = largest_batch(free, image, parameters, half)
    return choose_batch(images, fitting, image // (2 if half else 1), free, place)


def write(out: Path, configs: dict[str, str], labels: Labels | None, images: Images) -> list[Path]:
    """Write the files and print the commands that follow."""
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (labels.written if labels else {}).items():
        (out / name).write_text(content, encoding='utf-8')
    files = []
    for name, text in configs.items():
        files.append(out / f'{name}.py')
        files[-1].write_text(text, encoding='utf-8')
    print('\nRun, one after the other:')
    for file in files:
        print(printable(f'  mcl train {file}'))
    if labels:
        print(printable(f'  mcl predict {files[-1]} --images {images.root}'))
    return files
