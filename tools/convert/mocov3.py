"""Convert released MoCo v3 checkpoints of ViTs into mmpretrain's names, and back."""

from mcl_plugins.cli.convert.mocov3 import main

if __name__ == '__main__':
    main()
