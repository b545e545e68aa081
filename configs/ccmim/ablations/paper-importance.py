# Importance as in Eq. 4, scores of the last block before the softmax (no number in the paper).
_base_ = '../vit-b_300e.py'

model = dict(importance=dict(blocks='last', kind='logit'))
