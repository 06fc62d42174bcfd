"""Switches a key off, on and off again as fast as it gets answers, from the beginning of a second on. Prints as JSON
for each answer what it was, when it came, and when each of its attempts was signed."""

import json
import time

from session import came_of, iam

plain, with_ticket = iam(), iam("/ticket/SEC-123")
signed = []
for client in (plain, with_ticket):
    client.meta.events.register("before-send.iam", lambda request, **_: signed.append(request.headers["X-Amz-Date"]))
    # The first call of a client is slow.
    client.get_user(UserName="Bob")

for _ in range(20):
    time.sleep(1 - time.time() % 1)
    answers = []
    for client, status in ((plain, "Inactive"), (with_ticket, "Active"), (plain, "Inactive")):
        signed.clear()
        result = came_of(client.update_access_key, UserName="Bob", AccessKeyId="AKIAIOSFODNN7EXAMPLE", Status=status)
        dates = [date.decode() if isinstance(date, bytes) else date for date in signed]
        answers.append({**result, "wanted": status, "at": time.time() * 1000, "signed": dates})
    # On a machine that has much to do it may take longer than the second.
    if answers[0]["signed"][-1] == answers[2]["signed"][0]:
        break
print(json.dumps(answers))
