"""Files → plain data with positions. The only importer of yaml and jsonschema."""

from retinue.config.loading import Loaded, load
from retinue.config.project import Project
from retinue.config.texts import Excerpts

__all__ = ["Excerpts", "Loaded", "Project", "load"]
