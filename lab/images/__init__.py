"""The images the lab's hosts pull: real software from package registries, or labelled stand-ins.

`ensure(registry, progress)` builds what is missing and pushes what the registry lacks. `TABLE` says
what each image is; docs/lab.md is generated from it by `markdown_table()`.
"""

from lab.images.ensure import ensure
from lab.images.table import TABLE, LabImage, markdown_table

__all__ = ["TABLE", "LabImage", "ensure", "markdown_table"]
