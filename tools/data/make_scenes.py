"""Make the miniature benchmarks: the same scenes in ADE20K's format and in COCO's."""

from mcl_plugins.cli.data.make_scenes import main

if __name__ == '__main__':
    main()
