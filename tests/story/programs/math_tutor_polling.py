# The well-known quickstart of the Assistants API, without streaming.
# ruff: noqa: T201
from openai import OpenAI

client = OpenAI()

assistant = client.beta.assistants.create(
    name="Math Tutor",
    instructions="You are a personal math tutor. Write and run code to answer math questions.",
    tools=[{"type": "code_interpreter"}],
    model="gpt-4o",
)
thread = client.beta.threads.create()
client.beta.threads.messages.create(
    thread_id=thread.id,
    role="user",
    content="I need to solve the equation `3x + 11 = 14`. Can you help me?",
)
run = client.beta.threads.runs.create_and_poll(
    thread_id=thread.id,
    assistant_id=assistant.id,
    instructions="Please address the user as Jane Doe. The user has a premium account.",
)
if run.status == "completed":
    for message in client.beta.threads.messages.list(thread_id=thread.id):
        for part in message.content:
            print(message.role, ">", part.text.value if part.type == "text" else part.type)
else:
    print(run.status)
