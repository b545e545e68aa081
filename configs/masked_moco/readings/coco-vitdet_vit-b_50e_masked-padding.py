# COCO with the padding of windows at the border masked in attention (no number; 50.5 box AP in Table 6
# may be either). detectron2's ViTDet attends to the padding.
_base_ = '../transfer/coco-vitdet_vit-b_50e.py'

model = dict(backbone=dict(mask_padding=True))
