"""The live account. The only part that imports openai, and it does so when an account is opened, not before."""
