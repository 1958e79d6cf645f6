"""The pure part: types, vocabulary and decisions. No network, no clock, no environment, no files."""
