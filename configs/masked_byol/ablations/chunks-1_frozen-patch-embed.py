# Table 1b, the complete view online, frozen patch embedding: 87.3 after fine-tuning, 77.5 linear.
_base_ = 'chunks-1.py'

model = dict(backbone=dict(frozen_patch_embed=True))
