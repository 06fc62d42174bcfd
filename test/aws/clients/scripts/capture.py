"""Switches the access key of Bob on, with a ticket, and prints as JSON the request that did it as it went out."""

import base64
import json

from session import came_of, iam

client = iam("/ticket/SEC-123")
sent = []
client.meta.events.register("before-send.iam", lambda request, **_: sent.append(request))
result = came_of(client.update_access_key, UserName="Bob", AccessKeyId="AKIAIOSFODNN7EXAMPLE", Status="Active")
request = sent[-1]
headers = [[name, value.decode() if isinstance(value, bytes) else value] for name, value in request.headers.items()]
body = request.body.encode() if isinstance(request.body, str) else request.body
print(
    json.dumps(
        {
            "result": result,
            "method": request.method,
            "url": request.url,
            "headers": headers,
            "body": base64.b64encode(body).decode(),
        }
    )
)
