# Table 8, contrast between images alone: 81.59.
_base_ = '../swin-t.py'

model = dict(patch_contrast=None)
