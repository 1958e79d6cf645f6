"""Mistakes: text for people, and SARIF, annotations and JUnit for programs."""
