# An assistant that is asked two questions in one thread, and waited for with a loop.
# ruff: noqa: T201
import time

from openai import OpenAI

client = OpenAI()

assistant = client.beta.assistants.create(
    name="Python Master",
    instructions="You are a Python expert. Answer questions about the language with short examples.",
    model="gpt-4o",
)
thread = client.beta.threads.create()


def ask(question: str) -> str:
    client.beta.threads.messages.create(thread_id=thread.id, role="user", content=question)
    run = client.beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    while run.status in ("queued", "in_progress"):
        time.sleep(0.05)
        run = client.beta.threads.runs.retrieve(thread_id=thread.id, run_id=run.id)
    if run.status != "completed":
        return run.status
    newest = client.beta.threads.messages.list(thread_id=thread.id, limit=1).data[0]
    return "".join(part.text.value for part in newest.content if part.type == "text")


for question in ("How do I reverse a list?", "And a string?"):
    print(question)
    print(ask(question))

for message in client.beta.threads.messages.list(thread_id=thread.id, order="asc"):
    print(message.role)
