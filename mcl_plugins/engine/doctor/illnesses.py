"""The illnesses of a pre-training: how each is recognised, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .chart import Chart, Verdict
from .signs import lowest_loss, remaining_share
from .words import moved

CHANCE = 0.01  # relative distance from the chance floor within which a loss is at chance
FAR_ABOVE = 1.5  # times the chance floor
COLLAPSED = 1.5  # effective rank; all features are equal at 1
SAME = 0.01  # spread of features that are equal
WAITING = 0.3  # share of the time
SMALL_CHANGE = 1e-6  # of the weights in a step, relative
LARGE_CHANGE = 0.05
LARGE_GROWTH = 3.0  # times the weights at the beginning
FALLEN = 0.97  # times the loss at the first look
CLIPPED = 0.99  # share of steps
FAR_CLIPPED = 10.0  # times the norm at which gradients are clipped
NORMALISED = (0.1, 10.0)  # standard deviation of the pixels of a view
OFF_CENTRE = 5.0  # mean of the pixels of a view
FIRST_WEIGHTS = 0.05  # share of them in the last teacher
FLAT = 0.6  # lowest possible loss, of the chance floor
SHARPEST = 0.01  # temperature
SOFTEST = 1.0  # temperature that has been trained with: MoCo v3's ResNet-50
COPIES = 0.1  # share of the images
FEW = 0.1  # of the patches
MANY = 16  # images in a row
NO_SHARE = 1e-3  # of the gradients of all losses
BEHIND = 0.25  # of what the reference's loss has lost


def judge(chart: Chart) -> Iterator[Verdict]:
    """Yield the illnesses that a training shows at its last look.

    Args:
        chart: of the training; it has a look.
    """
    for recognise in ILLNESSES:
        yield from recognise(chart)


def collapse(chart: Chart) -> Iterator[Verdict]:
    """All features are about equal: whatever the loss says, nothing is learned."""
    for kind in ('key', 'query'):
        for name, suffix in _levels(chart, f'{kind}_rank'):
            spread = f'{kind}_spread{suffix}'
            low = chart.lasts(name, lambda rank: rank < COLLAPSED, settled=False)
            if low or chart.lasts(spread, lambda value: value < SAME, settled=False):
                whose = 'keys of the teacher' if kind == 'key' else 'queries of the student'
                yield Verdict(
                    'collapse',
                    f'The {whose}{_of(suffix)} have collapsed: their effective rank is '
                    f'{chart.now.get(name, 1):.1f} and their spread '
                    f'{chart.now.get(spread, 0):.3f}.',
                    'Use a lower learning rate or a longer warm-up, a higher momentum of the '
                    "teacher, and BatchNorm in the projector; look at the views' augmentation.",
                )
                return


def chance(chart: Chart) -> Iterator[Verdict]:
    """A contrastive loss stays where a network is that guesses."""
    for name, suffix in _levels(chart, 'of_chance'):
        if chart.lasts(name, lambda ratio: abs(ratio - 1) < CHANCE):
            yield Verdict(
                'chance',
                f'The contrastive loss{_of(suffix)} has stayed within {CHANCE:.0%} of chance for '
                f'{chart.patience} steps: the network does not tell the keys apart'
                f'{_distances(chart, suffix)}.',
                'Look at the images (mcl masks) and at the learning rate; a mask ratio or an '
                'augmentation that leaves nothing in common has this effect, and so has a '
                'collapsed teacher.',
            )
            return


def unbalanced(chart: Chart) -> Iterator[Verdict]:
    """A loss has no effect beside the others; one of weight 0 is left out on purpose."""
    for name, kind in _levels(chart, 'grad_share_'):
        if chart.lasts(name, lambda share: 0 < share < NO_SHARE):
            yield Verdict(
                'unbalanced losses',
                f'loss_{kind} has {chart.now[name]:.1e} of the gradients of all losses at the end '
                'of the encoder: it teaches the encoder nothing.',
                'Set the weights of the losses to those of the paper.',
            )
            return


def behind_reference(chart: Chart) -> Iterator[Verdict]:
    """The loss has hardly fallen where that of the pocket benchmark has."""
    reference = chart.facts.reference
    if reference is None or not chart.lasts('of_reference', lambda share: share < BEHIND):
        return
    progress = chart.looks[-1].step / chart.facts.steps
    yield Verdict(
        'behind the reference',
        f'After {progress:.0%} of the training the loss has {moved(chart.now["fallen"])}; '
        f'in {reference.name}, a training of {reference.steps} steps, it had fallen by '
        f'{reference.fallen(progress):.0%}.',
        f'Compare both with mcl compare WORK_DIR --reference {reference.name}; look at learning '
        'rate, mask ratio and augmentation.',
    )


def temperature(chart: Chart) -> Iterator[Verdict]:
    """The temperature is outside of what lets InfoNCE tell right from wrong."""
    facts = chart.facts
    remedy = 'Most papers use 0.07 to 0.5, MoCo v3 for its ResNet-50 1.'
    for name, value in facts.temperatures.items():
        negatives = facts.negatives.get(name, 0)
        guess = lowest_loss(float('inf'), negatives)
        lowest = lowest_loss(value, negatives)
        place = f'model.{name}.temperature={value:g}'
        if value > SOFTEST and negatives and lowest > FLAT * guess:
            yield Verdict(
                'temperature',
                f'{place} is too high: with {negatives} negatives a perfect network has a loss of '
                f'{lowest:.2f}, one that guesses {guess:.2f}.',
                remedy,
            )
        elif value < SHARPEST:
            yield Verdict(
                'temperature',
                f'{place} is too low: a difference of 0.1 between two cosines changes the odds by '
                f'exp({0.1 / value:.0f}), so that one negative outweighs all others.',
                remedy,
            )


def far_above_chance(chart: Chart) -> Iterator[Verdict]:
    """A contrastive loss is higher than that of a network that knows nothing."""
    for name, suffix in _levels(chart, 'of_chance'):
        if chart.lasts(name, lambda ratio: ratio > FAR_ABOVE):
            yield Verdict(
                'above chance',
                f'The contrastive loss{_of(suffix)} has been {chart.now[name]:.1f} times that of '
                f'chance for {chart.patience} steps: the network is certain of what is wrong.',
                'Use a higher temperature or a lower learning rate.',
            )
            return


def teacher(chart: Chart) -> Iterator[Verdict]:
    """The teacher does not follow the student, or too slowly for the length of the training."""
    facts = chart.facts
    if facts.momentum is None:
        return
    start, end = facts.momentum
    if start == end == 1 or chart.twice('ema_moved', lambda moved: moved == 0):
        yield Verdict(
            'frozen teacher',
            'The teacher has not moved since the beginning or the last look: the student learns '
            'from weights that never change.',
            f'Its momentum goes from {start:g} to {end:g}; set model.momentum.start=0.996 or less.',
        )
    elif facts.updates >= chart.patience and not facts.loaded:
        share = remaining_share(start, end, facts.updates)
        if share > FIRST_WEIGHTS:
            # 5 % remain with a mean of 1 - 3 / steps, here on the way to 1.
            start_at_most = max(0.0, 1 - 6 / facts.updates)
            yield Verdict(
                'slow teacher',
                f'The teacher is too slow for this training: after its {facts.updates} steps, '
                f'{share:.0%} of the teacher are still its first, random weights (momentum '
                f'{start:g} to {end:g}).',
                f'Set model.momentum.start={start_at_most:.3g} or less, or train longer.',
            )


def rate_too_high(chart: Chart) -> Iterator[Verdict]:
    """The loss does not fall, and the weights change a lot or have become many times as large."""
    if chart.begun is None or 'weight_growth' not in chart.now:
        return
    begun = chart.begun.values['loss']
    if not chart.lasts('loss', lambda loss: loss > FALLEN * begun):
        return
    large = chart.lasts('weight_change', lambda change: change > LARGE_CHANGE)
    if large or chart.lasts('weight_growth', lambda growth: growth > LARGE_GROWTH):
        yield Verdict(
            'high learning rate',
            f'The loss was {begun:.3g} and is {chart.now["loss"]:.3g}, while a step changes the '
            f'weights by {chart.now["weight_change"]:.1%} and they are '
            f'{chart.now["weight_growth"]:.1f} times as large as at the beginning: the learning '
            'rate is too high.',
            'Divide optim_wrapper.optimizer.lr by 10, or lengthen the warm-up; see that '
            "auto_scale_lr.base_batch_size is that of the paper's rate.",
        )


def rate_too_low(chart: Chart) -> Iterator[Verdict]:
    """The weights hardly change, and not because the schedule is at one of its ends."""
    plan = chart.lasts('rate_of_peak', lambda share: share > 0.3)
    if plan and chart.lasts('weight_change', lambda change: change < SMALL_CHANGE):
        yield Verdict(
            'low learning rate',
            f'A step changes the weights by {chart.now["weight_change"]:.1e} of their size, at '
            f'{chart.now["rate_of_peak"]:.0%} of the highest learning rate: it is too low to learn '
            'anything.',
            "Set optim_wrapper.optimizer.lr to the paper's for auto_scale_lr.base_batch_size.",
        )


def clipping(chart: Chart) -> Iterator[Verdict]:
    """Every gradient is cut to a small part of itself."""
    if chart.facts.max_norm is None:
        return
    many = chart.lasts('clipped', lambda share: share >= CLIPPED)
    if many and chart.lasts('norm_of_max', lambda ratio: ratio > FAR_CLIPPED):
        yield Verdict(
            'clipped gradients',
            f'All gradients are clipped: their norm is {chart.now["norm_of_max"]:.0f} times '
            f'clip_grad.max_norm={chart.facts.max_norm:g}.',
            'Use a lower learning rate or a longer warm-up, or see whether a loss has too large a '
            'weight.',
        )


def normalisation(chart: Chart) -> Iterator[Verdict]:
    """The pixels that the encoder gets have not about mean 0 and standard deviation 1."""
    low, high = NORMALISED
    scaled = chart.twice('view_std', lambda std: not low < std < high)
    if scaled or chart.twice('view_mean', lambda mean: abs(mean) > OFF_CENTRE):
        yield Verdict(
            'normalisation',
            f'The images that the encoder gets have the mean {chart.now["view_mean"]:.3g} and the '
            f'standard deviation {chart.now["view_std"]:.3g}, instead of about 0 and 1.',
            "Set data_preprocessor.mean and std to the images' own, on the scale of the images: 0 "
            'to 255, unless a step of the pipeline has changed it.',
        )


def same_views(chart: Chart) -> Iterator[Verdict]:
    """The views of each image are the same picture."""
    # Operations of a probability leave some images alone, and in a small batch all.
    looks = chart.in_a_row('same_views', lambda share: share == 1)
    if len(looks) > 1 and sum(look.values['images'] for look in looks) >= MANY:
        yield Verdict(
            'same views',
            'The views of each image are identical, so that the contrastive task teaches no '
            'invariance.',
            'Give data_preprocessor.views other operations for each view (mcl masks shows them).',
        )


def masks(chart: Chart) -> Iterator[Verdict]:
    """The masks hide next to nothing; if they hide nothing at all, the loss is not a number."""
    if chart.twice('masked', lambda share: share < FEW):
        yield Verdict(
            'empty masks',
            f'The masks hide {chart.now["masked"]:.0%} of the patches: there is next to nothing to '
            'predict.',
            'Set model.mask_generator.mask_ratio to that of the paper (mcl masks shows them).',
        )


def data(chart: Chart) -> Iterator[Verdict]:
    """The training waits for its images."""
    if chart.lasts('waiting', lambda share: share > WAITING) and (
        chart.now.get('seconds', 0) >= chart.seconds
    ):
        yield Verdict(
            'slow data',
            f'{chart.now["waiting"]:.0%} of the time waits for data.',
            'Set train_dataloader.num_workers higher; mcl bench data CONFIG says which stage takes '
            'the time and how many cores are needed.',
        )


def copies(chart: Chart) -> Iterator[Verdict]:
    """Many images are there more than once: a negative may be the query's own image."""
    if chart.facts.copies > COPIES:
        effect = (
            'Copies are negatives of each other, although nothing tells them apart.'
            if chart.facts.compares_images
            else 'The data set is smaller than it seems.'
        )
        yield Verdict(
            'duplicate images',
            f'About {chart.facts.copies:.0%} of the training images are copies of others. {effect}',
            'Keep one file of each content.',
        )


def labels(chart: Chart) -> Iterator[Verdict]:
    """Labels of which features do not show that they know anything: they may be of other images."""
    for name in chart.now:
        kind = name.removeprefix('above_chance_')
        collapsed = any(value < 2 for key, value in chart.now.items() if '_rank' in key)
        if kind == name or collapsed or not chart.twice(name, lambda errors: errors < 3):
            continue
        yield Verdict(
            'labels',
            f'The classes of {kind} cannot be told from chance: the mean recall of a class is '
            f'{chart.now[f"recall_{kind}"]:.1f} %, and with labels dealt out at random it would be '
            f'{chart.now[f"expected_recall_{kind}"]:.1f} %.',
            'See that folders or annotation files have the labels of these images; if they do, the '
            'features say too little about these classes to be seen in so few images.',
        )
        return


ILLNESSES: tuple[Callable[[Chart], Iterator[Verdict]], ...] = (
    copies,
    normalisation,
    same_views,
    masks,
    temperature,
    teacher,
    collapse,
    rate_too_high,
    rate_too_low,
    clipping,
    far_above_chance,
    chance,
    unbalanced,
    behind_reference,
    data,
    labels,
)


def _levels(chart: Chart, name: str) -> Iterator[tuple[str, str]]:
    """Yield the values of a name at each level, with the level's suffix."""
    for key in chart.now:
        if key.startswith(name):
            yield key, key[len(name) :]


def _of(suffix: str) -> str:
    return f' of the {suffix[1:]} level' if suffix else ''


def _distances(chart: Chart, suffix: str) -> str:
    own, others = chart.now.get(f'alignment{suffix}'), chart.now.get(f'to_others{suffix}')
    if own is None or others is None:
        return ''
    return (
        f'; a query has a squared distance of {own:.2f} to its own key, and of {others:.2f} to the '
        'others'
    )
