"""How students are shown things in HTML: the theme, the environment of the templates, and the parts that pages share.

Every template escapes what it is given; no page runs a script or makes a request.
"""
