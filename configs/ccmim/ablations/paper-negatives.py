# Negatives as in Eq. 7: the other images' visible parts.
_base_ = '../vit-b_300e.py'

model = dict(contrast_head=dict(type='mcl_plugins.VisibleNegativesHead'))
