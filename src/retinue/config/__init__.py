"""Files → declarations with their places: the project file, environments, variables, and everything that is wrong."""

from retinue.config.loader import Loaded, load
from retinue.config.project import Project
from retinue.config.source_text import Excerpts

__all__ = ["Excerpts", "Loaded", "Project", "load"]
