"""What the static edition is made of: the pages' own results, and their widgets, as files that any server can hand out.

`python -m apps.static_files FOLDER` writes them; `space_configs.static` puts pages around them.
"""
