# Table 4: patch-level contrast without masking: fails.
_base_ = '../vit-b_300e.py'

model = dict(mask_generator=None)
