"""The live account. The only part that imports openai, and it does so when an account is opened, not before."""

from retinue.providers.openai.sdk import import_sdk

import_sdk()
