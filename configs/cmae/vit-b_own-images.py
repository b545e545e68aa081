# CMAE ViT-B/16 on any folder of images without labels, searched through all its levels.
_base_ = 'vit-b.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mcl_plugins.ImageFolder',
        data_root='data/images',
        with_label=False,
        pipeline={{_base_.train_pipeline}},
    )
)
# With another train_cfg.max_epochs the schedule keeps its proportions.
auto_scale_schedule = dict(base_epochs=1600)
