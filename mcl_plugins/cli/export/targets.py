"""All libraries and formats that encoders are exported to, by the name on the command line."""

from __future__ import annotations

from .target import Target
from .to_files import ONNX, SAFETENSORS, TORCHSCRIPT
from .to_huggingface import TARGET as HUGGINGFACE
from .to_openmmlab import MMDET, MMPRETRAIN, MMSEG
from .to_timm import TARGET as TIMM
from .to_torchvision import TARGET as TORCHVISION

TARGETS: dict[str, Target] = {
    'timm': TIMM,
    'huggingface': HUGGINGFACE,
    'torchvision': TORCHVISION,
    'mmpretrain': MMPRETRAIN,
    'mmseg': MMSEG,
    'mmdet': MMDET,
    'safetensors': SAFETENSORS,
    'onnx': ONNX,
    'torchscript': TORCHSCRIPT,
}
