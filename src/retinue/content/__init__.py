"""What a vector store holds: manifests of files, and how they differ. Pure; finding and sending files is elsewhere."""
