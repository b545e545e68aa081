# Table 7, l1 distance to the teacher's frozen feature itself: 81.35 if the paper means this. The
# student's features go through a predictor; there is no projector, so no EMA.
_base_ = '../swin-t.py'

model = dict(
    patch_contrast=dict(
        projector=None,
        predictor=dict(in_channels=768, out_channels=768),
        head=dict(_delete_=True, type='mcl_plugins.FeatureL1Head'),
        queue=None,
    ),
    image_contrast=None,
    momentum=None,
)
