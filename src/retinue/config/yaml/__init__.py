"""YAML text ⇄ data with places: the parser, the tree it makes, the writer and the editor. The only importer of yaml."""
