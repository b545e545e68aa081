# Objects of your own classes: Mask R-CNN on ViT-S/16 from conmim_vit-s.py.
_base_ = '../conmim/transfer/coco-mask-rcnn_vit-s.py'

from mcl_plugins.own import detection

globals().update(detection(
    _base_,
    data='data/objects',
    classes=('cow', 'goat'),  # categories of the COCO files
    checkpoint='work_dirs/own/conmim_vit-s/epoch_400.pth',
    train=('train.json', 'train'),
    val=('val.json', 'val'),
    masks=True,  # False: the files have boxes only
    count=1000,  # of the training images, roughly
    batch_size=4,
    epochs=36))
