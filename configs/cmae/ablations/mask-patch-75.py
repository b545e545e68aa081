# Not in the paper, which names no ratio and says it follows MAE: 75 % of single patches (no number).
_base_ = '../vit-b_300e.py'

model = dict(mask_generator=dict(mask_ratio=0.75, unit=1))
