# Tables 7 and 8, contrast between patches alone: 81.55.
_base_ = '../swin-t.py'

model = dict(image_contrast=None)
