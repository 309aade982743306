"""Shrinks a WebAssembly module with binaryen: shrink.py FROM TO."""

import sys

from icpp_binaryen import Module

source, target = sys.argv[1:]
with Module.load(source) as module:
    module.optimize(shrink_level=2, optimize_level=2)
    if not module.validate():
        sys.exit("binaryen made a module that is not valid")
    module.write(target)
