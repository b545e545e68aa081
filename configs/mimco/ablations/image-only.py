# Table 8, contrastive loss between images only: 81.59.
_base_ = '../swin-t.py'

model = dict(patch_contrast=None)
