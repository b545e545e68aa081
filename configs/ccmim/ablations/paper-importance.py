# Importance as in Eq. 4, scores before the softmax over the root of the width D (no number in the
# paper). The paper does not say of which block; the last one is our choice.
_base_ = '../vit-b_300e.py'

model = dict(importance=dict(blocks='last', kind='logit', scale='width'))
