# Table 4d, contrastive weight 1.5: 83.5.
_base_ = '../vit-b_300e.py'

model = dict(contrast_head=dict(loss_weight=1.5))
