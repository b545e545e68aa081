"""What the comparison of a golden file has found."""

from __future__ import annotations

from dataclasses import dataclass

# The files are float32 copies of float64 numbers. We compute in float64, so only their rounding
# remains.
TOLERANCE = {'loss': 1e-4, 'outputs': 1e-3, 'gradients': 1e-3}


@dataclass
class Result:
    """Largest relative errors of a file.

    Attributes:
        file: path of the golden file.
        method: name of its method.
        loss, outputs, gradients: largest relative error of each kind.
        compared: names of the tensors of each kind.
        passed: whether no error exceeds its tolerance.
    """

    file: str
    method: str
    loss: float
    outputs: float
    gradients: float
    compared: dict[str, list[str]]
    passed: bool
