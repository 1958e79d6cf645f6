"""Files → plain data with positions. The only importer of yaml and jsonschema."""

from retinue.source.loading import Loaded, load
from retinue.source.project import Project
from retinue.source.texts import Excerpts

__all__ = ["Excerpts", "Loaded", "Project", "load"]
