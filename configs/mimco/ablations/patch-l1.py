# Table 7, l1 distance between patches, without negatives: 81.35. The paper gives no formula; this
# is the distance between the L2-normalised vectors that the contrastive loss compares.
_base_ = '../swin-t.py'

model = dict(
    patch_contrast=dict(head=dict(_delete_=True, type='mcl_plugins.L1Head'), queue=None),
    image_contrast=None,
)
