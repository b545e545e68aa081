# Tables 7 and 8, contrastive loss between patches only: 81.55.
_base_ = '../swin-t.py'

model = dict(image_contrast=None)
