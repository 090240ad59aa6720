"""The site generator: the static gallery, made from the catalog."""
