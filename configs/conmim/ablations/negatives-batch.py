# Table 5: negatives from all images of the GPU: 82.60.
_base_ = '../vit-b_300e.py'

model = dict(head=dict(negatives='batch'))
