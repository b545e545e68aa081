# Negatives as in Eq. 7, the visible parts of the other images (no number in the paper).
_base_ = '../vit-b_300e.py'

model = dict(contrast_head=dict(type='mcl_plugins.VisibleNegativesHead'))
