# MAE's masks, 75 % of single patches: the paper names no ratio and says it follows MAE.
_base_ = '../vit-b_300e.py'

model = dict(mask_generator=dict(mask_ratio=0.75, unit=1))
