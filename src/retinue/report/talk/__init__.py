"""What is said in a conversation: answers as they come, tools, footnotes, transcripts."""
