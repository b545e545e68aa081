"""What GPUs can compute at the most, and what is assumed of them where nothing is measured."""

from __future__ import annotations

CARD, MFU = 'H100', 0.4  # the assumed card, and the assumed share of its peak
# 10^12 operations per second in bfloat16, dense, with float32 sums, from NVIDIA's data sheets; the
# first name that is part of the device's counts.
PEAKS = {
    'H200': 989.5,
    'H100 PCIe': 756.5,
    'H100 NVL': 835.5,
    'H100': 989.5,
    'H20': 148.0,
    'A100': 312.0,
    'A800': 312.0,
    'L40S': 362.0,
    'L40': 181.0,
    'L4': 121.0,
    'A40': 149.7,
    'A10': 125.0,
    'RTX 4090': 165.2,
    'RTX 3090': 71.0,
}


def peak_tflops(card: str) -> float | None:
    """Return the peak of a card in 10^12 bfloat16 operations per second; None if not known.

    Example:
        >>> peak_tflops('NVIDIA H100 80GB HBM3'), peak_tflops('CPU')
        (989.5, None)
    """
    return next((peak for name, peak in PEAKS.items() if name in card), None)
