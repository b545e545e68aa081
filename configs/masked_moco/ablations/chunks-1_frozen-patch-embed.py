# Table 1a, the complete view online, frozen patch embedding: 87.9 after fine-tuning, 78.6 linear.
_base_ = 'chunks-1.py'

model = dict(backbone=dict(frozen_patch_embed=True))
