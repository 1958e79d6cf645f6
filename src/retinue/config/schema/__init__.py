"""JSON Schemas of what authors write, and what is told of data that does not fit. The only importer of jsonschema."""
