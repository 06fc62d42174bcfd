"""Switches the access key $ACCESS_KEY of $USER_NAME off, in botocore's retry mode $MODE, with a clock that is $SKEW
seconds wrong, and prints as JSON what came of it."""

import datetime
import json
import os

import botocore.auth
from session import came_of, iam

skew = datetime.timedelta(seconds=float(os.environ.get("SKEW", "0")))
right = botocore.auth.get_current_datetime
botocore.auth.get_current_datetime = lambda *args, **kwargs: right(*args, **kwargs) + skew

client = iam(retries={"mode": os.environ.get("MODE", "legacy")})
parameters = {"UserName": os.environ["USER_NAME"], "AccessKeyId": os.environ["ACCESS_KEY"], "Status": "Inactive"}
print(json.dumps(came_of(client.update_access_key, **parameters)))
