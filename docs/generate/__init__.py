"""What `make docs` generates: the reference pages, the architecture picture, the navigation.

`python -m docs.generate FOLDER` fills FOLDER with Markdown, which Sphinx then turns into the site.
`harness_objects` is the only module that looks into the harness.
"""
