"""What follows from batch and length of a training: rate, warm-up, EMA momentum, queue."""

from __future__ import annotations

import math

# Images in a step of the papers' main rows, of all GPUs together, by the class of the method.
PAPER_BATCHES = {
    'ConMIM': 2048,
    'CMAE': 4096,
    'CcMIM': 1024,
    'MaskedMoCo': 4096,
    'MaskedBYOL': 4096,
    'MimCo': 2048,
    'MoBY': 512,
    'MoCoV3': 4096,
}
EMA_SHARE = 1 / 50  # of the training that the teacher looks back, at most
WARM_UP_SHARE = 1 / 5  # of the training, at most


def steps_of(images: int, batch: int, epochs: int) -> int:
    """Return the number of steps of a training whose last incomplete batch is dropped.

    Example:
        >>> steps_of(50_000, batch=128, epochs=10)
        3900
    """
    return max(1, images // batch) * epochs


def scaled_rate(rate: float, paper_batch: int, batch: int) -> float:
    """Scale the peak learning rate of AdamW by the square root of the batch.

    Adam normalises the gradient, so that the noise of a step grows with the square root of a
    smaller batch (Malladi et al., NeurIPS 2022). The papers' linear rule, made for 8 to 32 GPUs,
    would divide the rate of a batch of 64 by that of 4096 by 64.

    Args:
        rate: the paper's, at its batch.
        paper_batch: images in a step of the paper.
        batch: images in a step.

    Example:
        >>> scaled_rate(5e-4, paper_batch=2048, batch=128)
        0.000125
    """
    return rate * math.sqrt(batch / paper_batch)


def scaled_momentum(momentum: float, paper_batch: int, batch: int, steps: int) -> float:
    """Scale the EMA momentum of a teacher with batch and length.

    The teacher averages over the last 1 / (1 - m) steps. With a smaller batch it has to look back
    over more steps to average over as many images: m to the power of batch / paper_batch (Busbridge
    et al., NeurIPS 2023). In a short training this would be a large part of it, and the teacher
    would stay near its random weights; it looks back 1/50 of the training at most.

    Args:
        momentum: the paper's, at its batch.
        paper_batch: images in a step of the paper.
        batch: images in a step.
        steps: length of the training.

    Example:
        >>> round(scaled_momentum(0.996, paper_batch=2048, batch=128, steps=300_000), 5)
        0.99975
        >>> scaled_momentum(0.996, paper_batch=2048, batch=128, steps=3000)  # 60 steps
        0.9833
    """
    scaled = momentum ** (batch / paper_batch)
    shortest = 1 - 1 / max(1.0, steps * EMA_SHARE)
    return round(min(scaled, shortest), 5 if shortest > 0.999 else 4)


def warm_up_epochs(paper_share: float, beta2: float, steps: int, epochs: int) -> int:
    """Return the epochs of warm-up: the paper's share, or as many steps as AdamW needs.

    AdamW's second moment is an average over about 1 / (1 - beta2) steps, and is reliable after
    twice as many (Ma and Yarats, AAAI 2021). At most a fifth of the training, at least one epoch.

    Args:
        paper_share: warm-up / training of the paper.
        beta2: of AdamW.
        steps: length of the training.
        epochs: length of the training.

    Example:
        >>> warm_up_epochs(10 / 800, beta2=0.98, steps=40_000, epochs=400)
        5
        >>> warm_up_epochs(5 / 300, beta2=0.999, steps=40_000, epochs=400)  # 2000 steps
        20
    """
    share = max(paper_share, 2 / (1 - beta2) / steps)
    return max(1, round(min(share, WARM_UP_SHARE) * epochs))


def queue_length(length: int, images: int) -> int:
    """Shorten a queue of keys to a quarter of the images, as a power of two.

    A key in the queue that is another view of the query's own image is a wrong negative.

    Example:
        >>> queue_length(4096, images=50_000), queue_length(4096, images=2000)
        (4096, 256)
    """
    return min(length, 2 ** max(0, int(math.log2(max(1, images // 4)))))
