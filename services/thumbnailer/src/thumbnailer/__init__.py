"""The thumbnailer: makes each photo's renditions and commits its record."""
