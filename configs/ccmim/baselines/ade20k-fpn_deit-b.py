# DeiT-B on ADE20K with a feature pyramid and a light head: mIoU 47.0 (paper, Table 3; the text says FPN
# and gives no recipe: Semantic FPN of mmseg on the encoder and schedule of the other rows).
_base_ = [
    '../../_base_/models/fpn_vit.py',
    '../../_base_/datasets/ade20k_slide.py',
    '../../_base_/schedules/upernet_vit_160k.py',
    '../../_base_/segmentation_runtime.py',
]
