"""Write the page of one or several runs: verdicts, curves, pictures, config and cost.

    mcl report WORK_DIR [WORK_DIR ...] [--images FOLDER] [--out report.html]

The page is one HTML file with everything in it, which any browser shows without a network. Masks,
reconstructions, attention and nearest neighbours are drawn from the last checkpoint, on training
images or those of --images.
Several runs are shown side by side. ``mcl train`` writes it, without these pictures, into the work
dir at the end of epochs with a new checkpoint, at most every five minutes, and at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...engine.identity import differing
from ...utils.writing import write_text
from ..parsers.report import run as parse_args
from ..visualize.attention import draw_student_attention
from ..visualize.curves import draw, select_panels
from ..visualize.masks import draw_masks
from ..visualize.neighbours import draw_neighbours
from ..visualize.reconstruction import draw_reconstructions
from . import page
from .facts import Facts, config_file, differences, find_base, read_facts

FILE_NAME = 'report.html'
_MANY = 60  # differences that are listed


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page that the command line describes, and print its path."""
    print(write_report(**vars(parse_args(argv))))


def write_report(
    work_dirs: Sequence[str | Path],
    out: str | Path | None = None,
    names: Sequence[str] | None = None,
    images: Sequence[Path] = (),
    pictures: bool = True,
) -> Path:
    """Write the page of one or several runs.

    Args:
        work_dirs: their folders.
        out: the file; by default ``report.html`` in the first folder.
        names: of the runs; by default their folders.
        images: image files or folders for the pictures; by default those of the training.
        pictures: whether images are drawn: masks, reconstructions, attention, neighbours.

    Returns:
        The path of the file.

    Raises:
        FileNotFoundError: a folder has no log.
        ValueError: the number of names is wrong, or a file is damaged.
    """
    folders = [Path(folder) for folder in work_dirs]
    names = names or [str(folder) for folder in folders]
    if len(names) != len(folders):
        raise ValueError(
            f'--names has {len(names)} names for {len(folders)} runs; give one for each.'
        )
    runs = [read_facts(folder, name) for folder, name in zip(folders, names, strict=True)]
    return write_page(runs, Path(out) if out else folders[0] / FILE_NAME, images, pictures)


def write_page(
    runs: Sequence[Facts], path: Path, images: Sequence[Path] = (), pictures: bool = True
) -> Path:
    """Write the page of runs whose facts are known; see :func:`write_report`."""
    parts = [
        _summary(runs),
        page.section('Verdicts', *(_verdicts(facts, len(runs)) for facts in runs)),
        _curves(runs),
    ]
    if pictures:
        parts.append(page.section('Pictures', *(_pictures(facts, images) for facts in runs)))
    parts.append(_configs(runs))
    title = ' and '.join(facts.run.name for facts in runs)
    write_text(path, page.page(title, parts))
    return path


def _summary(runs: Sequence[Facts]) -> str:
    summaries = [facts.summary() for facts in runs]
    rows = dict.fromkeys(row for summary in summaries for row in summary)
    return page.table(
        ['', *(facts.run.name for facts in runs)],
        [[row, *(summary.get(row, '') for summary in summaries)] for row in rows],
    )


def _verdicts(facts: Facts, runs: int) -> str:
    title = f'<h3>{page.escape(facts.run.name)}</h3>' if runs > 1 else ''
    if facts.damage:
        text = f'What the doctor has said is not known: {facts.damage}'
        return title + page.paragraph(text, 'note')
    return title + page.verdicts(facts.verdicts, facts.watched)


def _curves(runs: Sequence[Facts]) -> str:
    scalars = [facts.run for facts in runs]
    names = select_panels(scalars)
    if not names:
        return page.section('Curves', page.paragraph('The log has no line yet.', 'note'))
    text = f'Curves of {", ".join(names)}'
    note = 'Dashed: the loss of a network that guesses.'
    if len(runs) == 1:
        note += ' The upper axis counts epochs.'
    return page.section('Curves', page.picture(draw(scalars), text), page.paragraph(note, 'note'))


def _pictures(facts: Facts, images: Sequence[Path]) -> str:
    """Draw what the last checkpoint does with images, or say why it cannot be drawn."""
    config, title = config_file(facts.folder), f'<h3>{page.escape(facts.run.name)}</h3>'
    if config is None or facts.checkpoint is None:
        return title + page.paragraph('There is no checkpoint with its config yet.', 'note')
    places = list(images) or _training_images(facts)
    found = [title]
    file = str(facts.checkpoint)
    commands: dict[str, Any] = {
        'Masks; what is gray is hidden': lambda: draw_masks(config, [file], images=places),
        'Reconstructions': lambda: draw_reconstructions(config, file, images=places, count=6),
        "Attention of the student's class token": lambda: draw_student_attention(
            config, file, images=places
        ),
        'Nearest neighbours by the mean of the patches': lambda: draw_neighbours(
            config, file, images=places
        ),
    }
    reasons = []
    for name, work in commands.items():
        try:
            found += [page.picture(work(), name), page.paragraph(f'{name}.', 'note')]
        except (ValueError, FileNotFoundError) as error:
            reasons += [] if str(error) in reasons else [str(error)]
    return '\n'.join([*found, *(page.paragraph(reason, 'note') for reason in reasons)])


def _training_images(facts: Facts) -> list[Path]:
    root = str(facts.settings.get('train_dataloader.dataset.data_root') or '.')
    prefix = facts.settings.get('train_dataloader.dataset.data_prefix')
    split = facts.settings.get('train_dataloader.dataset.split')
    return [Path(root, str(prefix or split or ''))]


def _configs(runs: Sequence[Facts]) -> str:
    """What differs between the runs, or between a run and the package's config, and the configs."""
    parts = []
    if len(runs) > 1:
        own = [facts.settings for facts in runs]
        rows = [[key, *(part.get(key, '(not set)') for part in own)] for key in differing(*own)]
        parts.append(_limited(['setting', *(facts.run.name for facts in runs)], rows))
    elif base := find_base(runs[0]):
        name, settings = base
        rows = [[key, *pair] for key, pair in differences(runs[0], settings).items()]
        parts.append(_limited(['setting', f'configs/{name}', 'this run'], rows))
    else:
        parts.append(page.paragraph('No config of the package has its file name.', 'note'))
    parts += [page.details(f'Config of {facts.run.name}', facts.config) for facts in runs]
    return page.section('Config', *parts)


def _limited(header: list[str], rows: list[list[Any]]) -> str:
    if not rows:
        return page.paragraph('No setting differs.', 'note')
    more = len(rows) - _MANY
    note = page.paragraph(f'and {more} more.', 'note') if more > 0 else ''
    return page.table(header, rows[:_MANY]) + note
