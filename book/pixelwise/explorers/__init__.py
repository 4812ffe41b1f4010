"""Interactive explorers: anywidgets in JupyterLab, and the same modules without a kernel on the site's pages.

One `.py` and one `.js` an explorer; chapters import the class from its file. `host` and `frame` are what all share,
`label_maps` what those of label maps do, `small_maps` what those of pictures of few pixels do.
"""
