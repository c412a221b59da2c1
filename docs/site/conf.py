"""How Sphinx builds the site: `make docs`. The pages are assembled by build.py in this folder."""

from acrsync.version import __version__

project = "acrsync"
author = "The acrsync contributors"
version = release = __version__
extensions = ["myst_parser"]
root_doc = "index"
html_theme = "furo"
html_title = f"acrsync {__version__}"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {"source_repository": "https://github.com/acrsync/acrsync/", "top_of_page_buttons": []}
smartquotes = False  # they make a dash of the two hyphens of an option
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 4
# Examples leave out parts with "...", which a strict lexer of JSON or Python does not accept.
suppress_warnings = ["misc.highlighting_failure"]
